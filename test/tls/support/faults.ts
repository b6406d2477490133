import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

/**
 * Loaded into serving processes with NODE_OPTIONS=--import: makes the process's first worker fail or
 * hang on a signal, as a defect would.
 */
type Fault = 'throw' | 'exit' | 'spin';
type Message =
  | { readonly kind: 'here'; readonly threadId: number }
  | { readonly kind: 'fail'; readonly threadId: number; readonly how: Fault };

const channel = new BroadcastChannel('signet-test-faults');
channel.unref();
const tell = (message: Message) => channel.postMessage(message);

function fail(): never {
  throw new Error('a defect for the test');
}

if (isMainThread) {
  const workers: number[] = [];
  channel.onmessage = (event) => {
    const { data } = event as { readonly data: Message };
    if (data.kind === 'here') workers.push(data.threadId);
  };
  const failFirst = (how: Fault) => {
    const [first] = workers;
    if (first !== undefined) tell({ kind: 'fail', threadId: first, how });
    else setImmediate(fail); // a process with one worker runs it here
  };
  process.on('SIGUSR2', () => failFirst('throw'));
  process.on('SIGWINCH', () => failFirst('exit'));
  process.on('SIGPWR', () => failFirst('spin'));
} else {
  channel.onmessage = (event) => {
    const { data } = event as { readonly data: Message };
    if (data.kind !== 'fail' || data.threadId !== threadId) return;
    setImmediate(() => {
      if (data.how === 'exit') process.exit(3);
      while (data.how === 'spin');
      fail();
    });
  };
  tell({ kind: 'here', threadId });
}
