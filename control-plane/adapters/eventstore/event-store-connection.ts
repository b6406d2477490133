import { Worker } from 'node:worker_threads';
import type { ExpectedRevision } from '../../../shared/revision.js';
import type { StoredEvent } from '../../ports/event-log.js';
import {
  eventBytes,
  type FromWorker,
  type OperationName,
  type StoreFailure,
  type StoreOperations,
  type ToWorker,
  type WorkerSettings,
} from './worker-protocol.js';

export interface EventStoreConnectionOptions {
  /** `esdb://…`; with user and password unless `tls=false`. */
  readonly connectionString: string;
  /** How long one call may take before it is tried again, default 3000. */
  readonly callTimeoutMs?: number;
}

/** A call that the store did not answer, as `failure` tells. */
export class StoreCallError extends Error {
  readonly failure: StoreFailure;

  constructor(failure: StoreFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

export interface FollowHandlers {
  confirmed(): void;
  /** Call `consumed` for each event once it is dealt with. */
  events(events: readonly StoredEvent[]): void;
}

export interface Follow {
  /** Settles when the subscription is over: rejects with a `StoreCallError`, whatever ended it. */
  readonly ended: Promise<never>;
  consumed(event: StoredEvent): void;
  cancel(): void;
}

/**
 * One EventStoreDB client, in a worker thread, for the log and the vault together.
 *
 * The thread starts with the first call. It is thrown away, client and all, when it dies, when the
 * client is known to be broken, or after five failures in a row; the next call starts another. Calls
 * under way then fail as "maybe done".
 */
export class EventStoreConnection {
  readonly #settings: WorkerSettings;
  readonly #callTimeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastId = 0;
  #failuresInARow = 0;
  #isClosed = false;

  constructor(options: EventStoreConnectionOptions) {
    checkConnectionString(options.connectionString);
    this.#settings = { connectionString: options.connectionString };
    this.#callTimeoutMs = options.callTimeoutMs ?? 3000;
  }

  /** @throws StoreCallError */
  async call<Name extends OperationName>(
    name: Name,
    request: StoreOperations[Name]['request'],
  ): Promise<StoreOperations[Name]['answer']> {
    const id = ++this.#lastId;
    const timeoutMs = this.#callTimeoutMs;
    // The worker keeps the time; this timer is for a worker that does not answer at all. It is long,
    // because it also runs while the thread starts, on a machine that may be busy.
    const timer = setTimeout(
      () => void this.#discardWorker('the client does not answer'),
      timeoutMs + unresponsiveMs,
    );
    try {
      const answer = await new Promise((resolve, reject) => {
        this.#waiting.set(id, { answered: resolve, failed: reject });
        // `ToWorker` pairs each name with its request, which a generic name cannot express.
        this.#send({ kind: 'operation', id, name, timeoutMs, request } as ToWorker);
      });
      // The worker answers each operation with that operation's answer.
      return answer as StoreOperations[Name]['answer'];
    } finally {
      clearTimeout(timer);
    }
  }

  /** Subscribes to a stream, at most `windowBytes` ahead of what was consumed. */
  follow(
    stream: string,
    after: ExpectedRevision,
    windowBytes: number,
    handlers: FollowHandlers,
  ): Follow {
    const id = ++this.#lastId;
    let consumedBytes = 0;
    const ended = new Promise<never>((_, failed) => {
      const answered = () => failed(new StoreCallError(lost('the subscription ended')));
      this.#waiting.set(id, { answered, failed, handlers });
      this.#send({ kind: 'follow', id, stream, after, windowBytes });
    });
    return {
      ended,
      consumed: (event) => {
        consumedBytes += eventBytes(event);
        if (consumedBytes < windowBytes / 4) return;
        this.#worker?.postMessage({
          kind: 'consumed',
          id,
          bytes: consumedBytes,
        } satisfies ToWorker);
        consumedBytes = 0;
      },
      cancel: () => this.#worker?.postMessage({ kind: 'cancel', id } satisfies ToWorker),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#discardWorker('the connection was closed');
  }

  #send(message: ToWorker): void {
    if (this.#isClosed) {
      this.#fail(message.id, { ...lost('the connection is closed'), maybeDone: false });
      return;
    }
    this.#worker ??= this.#startWorker();
    this.#worker.postMessage(message);
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: this.#settings,
      name: 'eventstore-client',
    });
    const ifCurrent = (reason: string) => {
      if (this.#worker === worker) void this.#discardWorker(reason);
    };
    worker.on('message', (message: FromWorker) => {
      if (this.#worker === worker) this.#receive(message);
    });
    worker.on('error', (error) => ifCurrent(`the client failed: ${error.message}`));
    worker.on('exit', () => ifCurrent('the client ended'));
    return worker;
  }

  #receive(message: FromWorker): void {
    const waiting = this.#waiting.get(message.id);
    switch (message.kind) {
      case 'answer':
        this.#failuresInARow = 0;
        this.#waiting.delete(message.id);
        waiting?.answered(message.answer);
        return;
      case 'failure':
        this.#fail(message.id, message.failure);
        if (message.failure.fate === 'retry') this.#countFailure(message.failure);
        return;
      case 'confirmed':
        waiting?.handlers?.confirmed();
        return;
      case 'events':
        waiting?.handlers?.events(message.events);
        return;
      default:
        message satisfies never;
    }
  }

  #countFailure(failure: StoreFailure): void {
    this.#failuresInARow += 1;
    if (failure.isClientBroken || this.#failuresInARow >= maxFailuresInARow) {
      void this.#discardWorker(failure.message);
    }
  }

  #fail(id: number, failure: StoreFailure): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.failed(new StoreCallError(failure));
  }

  async #discardWorker(reason: string): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#failuresInARow = 0;
    for (const id of [...this.#waiting.keys()]) this.#fail(id, lost(reason));
    await worker?.terminate();
  }
}

interface Waiting {
  answered(answer: unknown): void;
  failed(error: StoreCallError): void;
  readonly handlers?: FollowHandlers;
}

const maxFailuresInARow = 5;
const unresponsiveMs = 5000;

function lost(message: string): StoreFailure {
  return { fate: 'retry', maybeDone: true, isClientBroken: false, message };
}

function checkConnectionString(text: string): void {
  if (!/^esdb(\+discover)?:\/\//.test(text)) {
    throw new TypeError(
      'an EventStoreDB connection string begins with esdb:// or esdb+discover://',
    );
  }
  const hasTls = !/[?&]tls=false\b/i.test(text);
  if (hasTls && !/^[^:]+:\/\/[^:@/]+:[^@/]*@/.test(text)) {
    throw new TypeError(
      'the EventStoreDB connection string needs a user and a password, esdb://USER:PASSWORD@HOST:2113, ' +
        'or ?tls=false for a server without security',
    );
  }
}
