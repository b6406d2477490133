import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { descendants } from '../support/descendants.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describe('the memory of every process of a gateway', () => {
  it('is in no core file, and is opened to no debugger by a signal', async () => {
    const gateway = await GatewayProcess.start({
      dataDir: await temporaryDirectory(),
      flags: ['--workers', '1'],
      // A debugger would take any port that is free, so that each process could have one.
      env: { NODE_OPTIONS: '--inspect-port=0' },
    });
    onTestFinished(() => gateway.kill());
    const pids = [gateway.pid, ...descendants(gateway.pid)];
    expect(pids).toHaveLength(3);
    for (const pid of pids) {
      const filter = readFileSync(`/proc/${pid}/coredump_filter`, 'utf8').trim();
      expect([pid, Number.parseInt(filter, 16)]).toEqual([pid, 0]);
      process.kill(pid, 'SIGUSR1');
    }
    // Signalled after them, it takes as long as they would have.
    await untilDebuggerListens();
    expect(gateway.log).not.toContain('Debugger');
    expect([gateway.pid, ...descendants(gateway.pid)]).toEqual(pids);
    expect((await fetch(`${gateway.adminUrl}/apis`)).status).toBe(200);
  });
});

/** What Node does with the signal by itself. */
async function untilDebuggerListens(): Promise<void> {
  const program = 'process.stdout.write("up"); setInterval(() => {}, 1000)';
  const child = spawn(process.execPath, ['--inspect-port=0', '-e', program]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  child.kill('SIGUSR1');
  const [words] = await once(child.stderr, 'data');
  expect(String(words)).toContain('Debugger listening');
}
