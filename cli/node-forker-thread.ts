import { type ChildProcess, fork } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parentPort } from 'node:worker_threads';
import type { NodeReport } from './local-node-messages.js';
import type { ForkerOrder, ForkerReport } from './node-forker-messages.js';

/** Entry of the thread that `NodeForker` starts. It has one child at a time. */
const entry = fileURLToPath(new URL('./main.js', import.meta.url));
let child: ChildProcess | undefined;

function forkNode(environment: NodeJS.ProcessEnv): ChildProcess {
  const forked = fork(entry, ['data-plane', '--run-by-parent'], {
    // The engine prints on standard output and would block on a pipe that nobody reads.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: environment,
  });
  const ended = (how: string) => {
    if (child !== forked) return;
    child = undefined;
    tell({ kind: 'ended', how });
  };
  forked.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`));
  forked.once('error', (error) => ended(error.message));
  // Only our own program writes there.
  forked.once('message', (message) => tell({ kind: 'said', report: message as NodeReport }));
  return forked;
}

function obey(order: ForkerOrder): void {
  switch (order.kind) {
    case 'fork':
      child = forkNode(order.environment);
      return;
    case 'send':
      // An error means that it is gone; `ended` tells.
      child?.send(order.message, () => undefined);
      return;
    case 'kill':
      child?.kill(order.signal);
      return;
    default:
      order satisfies never;
  }
}

function tell(report: ForkerReport): void {
  parentPort?.postMessage(report);
}

parentPort?.on('message', obey);
const isLinux = process.platform === 'linux';
tell({ kind: 'up', thread: isLinux ? Number(basename(readlinkSync('/proc/thread-self'))) : 0 });
