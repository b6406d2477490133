#!/usr/bin/env node
import { guardProcessMemory } from '../shared/process-memory.js';
import { run } from './program.js';

guardProcessMemory();

// What reads our output may end before us, as `head` does: no fault of anyone.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

/** Entry point of the `signet` command. Each role is loaded only by the command that runs it. */
process.exitCode = await run(process.argv.slice(2), {
  async startControlPlane(config, log) {
    const { startControlPlane } = await import('../control-plane/main.js');
    return startControlPlane(config, log);
  },
  async startDataPlane(config, log) {
    const { startDataPlane } = await import('../data-plane/main.js');
    return startDataPlane(config, log);
  },
});
