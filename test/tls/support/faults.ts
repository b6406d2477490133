import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

/**
 * Loaded into serving processes with NODE_OPTIONS=--import: makes the worker with the lowest thread
 * id fail on a signal, as a defect would.
 */
const channel = new BroadcastChannel('signet-test-faults');
channel.unref();

type Fault = 'throw' | 'exit';

if (isMainThread) {
  process.on('SIGUSR2', () => channel.postMessage('throw' satisfies Fault));
  process.on('SIGWINCH', () => channel.postMessage('exit' satisfies Fault));
} else {
  let isVictim = false;
  channel.onmessage = (event) => {
    const { data } = event as { readonly data: Fault | number };
    if (typeof data === 'number') {
      if (data < threadId) isVictim = false;
      return;
    }
    isVictim = true;
    channel.postMessage(threadId);
    setTimeout(() => {
      if (!isVictim) return;
      if (data === 'exit') process.exit(3);
      throw new Error('a defect for the test');
    }, 200);
  };
}
