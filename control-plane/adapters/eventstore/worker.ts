import { parentPort, workerData } from 'node:worker_threads';
import type { StoredEvent } from '../../ports/event-log.js';
import { StoreClient, toFailure } from './store-client.js';
import {
  eventBytes,
  type FromWorker,
  type OperationName,
  type StoreOperations,
  type ToWorker,
  type WorkerSettings,
} from './worker-protocol.js';

/**
 * Thread that holds the EventStoreDB client. It carries out single calls and keeps no state but running
 * subscriptions: retries, order and idempotency are the gateway's side, so this thread may end at any
 * time.
 */
if (parentPort === null) throw new Error('this module is a worker thread');
const port = parentPort;
// `EventStoreConnection` starts this thread with exactly these settings.
const client = new StoreClient((workerData as WorkerSettings).connectionString);
const pageLimits = { maxEvents: 256, maxBytes: 1024 * 1024 };

interface Follow {
  readonly end: AbortController;
  consumed(bytes: number): void;
}
const follows = new Map<number, Follow>();

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'operation':
      void settle(message.id, operate(message));
      return;
    case 'follow':
      void settle(message.id, follow(message));
      return;
    case 'consumed':
      follows.get(message.id)?.consumed(message.bytes);
      return;
    case 'cancel':
      follows.get(message.id)?.end.abort();
      return;
    default:
      message satisfies never;
  }
});

async function settle(id: number, work: Promise<unknown>): Promise<void> {
  try {
    send({ kind: 'answer', id, answer: await work });
  } catch (error) {
    send({ kind: 'failure', id, failure: toFailure(error) });
  }
}

type Answer<Name extends OperationName> = Promise<StoreOperations[Name]['answer']>;

function operate(operation: Extract<ToWorker, { kind: 'operation' }>): Answer<OperationName> {
  const { timeoutMs } = operation;
  switch (operation.name) {
    case 'append': {
      const { stream, expected, events } = operation.request;
      return client.append(stream, expected, events, timeoutMs);
    }
    case 'read':
      return client.read(operation.request.stream, operation.request.from, pageLimits, timeoutMs);
    case 'tail':
      return client.tail(operation.request.stream, operation.request.maxEvents, timeoutMs);
    case 'last':
      return client.last(operation.request.stream, timeoutMs);
    case 'truncate': {
      const { stream, before } = operation.request;
      return client.truncate(stream, before, timeoutMs).then(() => null);
    }
    case 'tombstone':
      return client.tombstone(operation.request.stream, timeoutMs).then(() => null);
  }
}

async function follow(request: Extract<ToWorker, { kind: 'follow' }>): Promise<never> {
  const { id, stream, after, windowBytes } = request;
  const end = new AbortController();
  let ahead = 0;
  let resume: (() => void) | undefined;
  let batch: StoredEvent[] = [];
  const flush = () => {
    if (batch.length > 0) send({ kind: 'events', id, events: batch });
    batch = [];
  };
  follows.set(id, {
    end,
    consumed(bytes) {
      ahead -= bytes;
      if (ahead < windowBytes) resume?.();
    },
  });
  end.signal.addEventListener('abort', () => resume?.(), { once: true });
  const deliver = (event: StoredEvent): Promise<void> | undefined => {
    // What arrives within one turn of the event loop travels as one message.
    if (batch.length === 0) setImmediate(flush);
    batch.push(event);
    ahead += eventBytes(event);
    if (ahead < windowBytes) return undefined;
    return new Promise((resolve) => {
      resume = resolve;
    });
  };
  try {
    await client.follow(stream, after, deliver, () => send({ kind: 'confirmed', id }), end.signal);
  } finally {
    follows.delete(id);
    flush();
  }
  throw new Error('the store ended the subscription');
}

function send(message: FromWorker): void {
  port.postMessage(message);
}
