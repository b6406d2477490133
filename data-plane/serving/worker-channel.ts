import type { WorkerCommand, WorkerReport } from './messages.js';

/**
 * One end of what a worker is told and answers over; a `MessagePort` is one. Messages arrive in order,
 * never inside the call that sends them, and not after `close`.
 */
export interface WorkerPort<Sent, Received> {
  postMessage(message: Sent): void;
  /** Once. */
  on(event: 'message', listener: (message: Received) => void): unknown;
  close(): void;
}

export interface WorkerChannel {
  readonly ofPool: WorkerPort<WorkerCommand, WorkerReport>;
  readonly ofWorker: WorkerPort<WorkerReport, WorkerCommand>;
}

/**
 * For a worker in its pool's own thread: a message costs neither a copy nor a turn of the loop. Both
 * sides must listen before the first is sent.
 */
export function sameThreadChannel(): WorkerChannel {
  const commands = new OneWay<WorkerCommand>();
  const reports = new OneWay<WorkerReport>();
  return { ofPool: end(commands, reports), ofWorker: end(reports, commands) };
}

class OneWay<Message> {
  listener: ((message: Message) => void) | undefined;

  send(message: Message): void {
    queueMicrotask(() => this.listener?.(message));
  }
}

function end<Sent, Received>(
  sent: OneWay<Sent>,
  received: OneWay<Received>,
): WorkerPort<Sent, Received> {
  return {
    postMessage: (message) => sent.send(message),
    on: (_event, listener) => {
      received.listener = listener;
    },
    close: () => {
      received.listener = undefined;
    },
  };
}
