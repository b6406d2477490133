import {
  BACKWARDS,
  binaryEvent,
  type Credentials,
  END,
  ErrorType,
  EventStoreDBClient,
  FORWARDS,
  isCommandError,
  NO_STREAM,
  type ResolvedEvent,
  START,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import type { EventId } from '../../../shared/events.js';
import { type ExpectedRevision, revision } from '../../../shared/revision.js';
import type { EventToAppend, StoredEvent } from '../../ports/event-log.js';
import { fromStoredMetadata, toStoredMetadata } from './metadata-bytes.js';
import type { AppendAnswer, EventPlace, StoreFailure } from './worker-protocol.js';

/**
 * The only module that knows the EventStoreDB client, and the place where its bigints and its
 * `'no_stream'` end. Runs in a worker: the client can raise rejections that no caller can catch.
 *
 * Every call carries credentials, which selects the classic append call with its real deadline instead
 * of the batch stream, whose promises may never settle.
 */
export class StoreClient {
  readonly #client: EventStoreDBClient;
  readonly #credentials: Credentials;

  constructor(connectionString: string) {
    this.#client = EventStoreDBClient.connectionString(connectionString);
    this.#credentials = credentialsOf(connectionString);
  }

  async append(
    stream: string,
    expected: ExpectedRevision | 'any',
    events: readonly EventToAppend[],
    timeoutMs: number,
  ): Promise<AppendAnswer> {
    try {
      const { nextExpectedRevision } = await this.#client.appendToStream(
        stream,
        events.map(({ id, type, data, metadata }) =>
          binaryEvent({ id, type, data, metadata: toStoredMetadata(metadata) }),
        ),
        {
          expectedRevision: expected === 'any' ? expected : toStoreRevision(expected),
          credentials: this.#credentials,
          deadline: timeoutMs,
          requiresLeader: true,
        },
      );
      return { outcome: 'written', last: revision(Number(nextExpectedRevision)) };
    } catch (error) {
      if (!(error instanceof WrongExpectedVersionError)) throw error;
      return { outcome: 'conflict', actual: fromStoreRevision(error.actualVersion) };
    }
  }

  /** One page forwards, at most `maxEvents` and about `maxBytes`. */
  async read(
    stream: string,
    from: number,
    limits: { readonly maxEvents: number; readonly maxBytes: number },
    timeoutMs: number,
  ): Promise<StoredEvent[]> {
    const events: StoredEvent[] = [];
    let bytes = 0;
    const options = { direction: FORWARDS, fromRevision: BigInt(from) } as const;
    for await (const event of this.#page(stream, options, limits.maxEvents, timeoutMs)) {
      const stored = toStoredEvent(event);
      events.push(stored);
      bytes += stored.data.byteLength + stored.metadata.byteLength;
      if (bytes >= limits.maxBytes) break;
    }
    return events;
  }

  async tail(stream: string, maxEvents: number, timeoutMs: number): Promise<EventPlace[]> {
    const places: EventPlace[] = [];
    const options = { direction: BACKWARDS, fromRevision: END } as const;
    for await (const event of this.#page(stream, options, maxEvents, timeoutMs)) {
      places.push(toPlace(event));
    }
    return places;
  }

  async last(stream: string, timeoutMs: number): Promise<StoredEvent | undefined> {
    const options = { direction: BACKWARDS, fromRevision: END } as const;
    for await (const event of this.#page(stream, options, 1, timeoutMs))
      return toStoredEvent(event);
    return undefined;
  }

  async truncate(stream: string, before: number, timeoutMs: number): Promise<void> {
    const options = { credentials: this.#credentials, deadline: timeoutMs, requiresLeader: true };
    const { metadata } = await this.#client.getStreamMetadata(stream, options);
    const already = metadata?.truncateBefore;
    if (typeof already === 'number' && already >= before) return;
    await this.#client.setStreamMetadata(stream, { ...metadata, truncateBefore: before }, options);
  }

  async tombstone(stream: string, timeoutMs: number): Promise<void> {
    try {
      await this.#client.tombstoneStream(stream, {
        credentials: this.#credentials,
        deadline: timeoutMs,
        requiresLeader: true,
      });
    } catch (error) {
      // It is gone already: by an earlier try whose answer was lost.
      if (errorType(error) !== ErrorType.STREAM_DELETED) throw error;
    }
  }

  /**
   * Delivers events after `after` one by one until the signal aborts; waits for `deliver` before it
   * takes the next, so the store is held back with the consumer. Returns when the store ends the
   * subscription, which is a cut like any other.
   */
  async follow(
    stream: string,
    after: ExpectedRevision,
    deliver: (event: StoredEvent) => Promise<void> | undefined,
    confirmed: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const subscription = this.#client.subscribeToStream(stream, {
      fromRevision: after === 'empty' ? START : BigInt(after),
      credentials: this.#credentials,
      requiresLeader: true,
    });
    subscription.on('confirmation', confirmed);
    // The loop below reports the first error; one that follows it would end the thread.
    subscription.on('error', ignoreReported);
    const cancel = () => void subscription.unsubscribe().catch(ignoreReported);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const event of subscription) {
        const delivered = deliver(toStoredEvent(event));
        if (delivered !== undefined) await delivered;
        if (signal.aborted) return;
      }
    } finally {
      signal.removeEventListener('abort', cancel);
      // Leaving the loop does not end the call at the server.
      cancel();
    }
  }

  async *#page(
    stream: string,
    where:
      | { readonly direction: typeof FORWARDS; readonly fromRevision: bigint }
      | { readonly direction: typeof BACKWARDS; readonly fromRevision: typeof END },
    maxCount: number,
    timeoutMs: number,
  ): AsyncIterable<ResolvedEvent> {
    const reading = this.#client.readStream(stream, {
      ...where,
      maxCount,
      credentials: this.#credentials,
      requiresLeader: true,
    });
    reading.on('error', ignoreReported);
    // The client puts no deadline on a read.
    const timer = setTimeout(
      () => reading.destroy(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      yield* reading;
    } catch (error) {
      if (errorType(error) !== ErrorType.STREAM_NOT_FOUND) throw error;
    } finally {
      clearTimeout(timer);
      void reading.cancel().catch(ignoreReported);
    }
  }
}

/** What a failed call means to the caller. */
export function toFailure(error: unknown): StoreFailure {
  const message = (error instanceof Error && error.message) || String(error);
  const type = errorType(error);
  const failure = { maybeDone: false, isClientBroken: false, message };
  switch (type) {
    case ErrorType.ACCESS_DENIED:
      return { ...failure, fate: 'denied' };
    case ErrorType.STREAM_DELETED:
      return { ...failure, fate: 'stream-deleted' };
    case ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED:
      return { ...failure, fate: 'too-large' };
    case ErrorType.NOT_LEADER:
      return { ...failure, fate: 'retry' };
    case undefined: {
      // Discovery fails with a plain Error, and a client whose discovery failed may stay broken.
      const isUndiscovered = message.startsWith('Failed to discover');
      return {
        fate: 'retry',
        maybeDone: !isUndiscovered,
        isClientBroken: isUndiscovered,
        message,
      };
    }
    default:
      return { ...failure, fate: 'retry', maybeDone: true };
  }
}

/** `undefined` for what is none of the client's own errors. */
function errorType(error: unknown): ErrorType | undefined {
  return error instanceof Error && isCommandError(error) ? error.type : undefined;
}

/** For errors that reach the caller by another way, or of calls whose outcome nobody waits for. */
function ignoreReported(): void {}

function toStoreRevision(expected: ExpectedRevision): typeof NO_STREAM | bigint {
  return expected === 'empty' ? NO_STREAM : BigInt(expected);
}

function fromStoreRevision(actual: bigint | string): ExpectedRevision {
  return typeof actual === 'bigint' ? revision(Number(actual)) : 'empty';
}

function toPlace({ event }: ResolvedEvent): EventPlace {
  if (event === undefined) throw new TypeError('the stream holds a link, not an event');
  return { revision: revision(Number(event.revision)), id: event.id as EventId };
}

function toStoredEvent(resolved: ResolvedEvent): StoredEvent {
  const place = toPlace(resolved);
  const { event } = resolved;
  // `toPlace` has refused a link; written as binary, read as binary.
  const data: unknown = event?.data;
  if (event === undefined || !(data instanceof Uint8Array)) {
    throw new TypeError(`event ${place.revision} was not written by Signet`);
  }
  return { ...place, type: event.type, data, metadata: fromStoredMetadata(event.metadata) };
}

/** Without TLS the client sends none, but any value selects the classic append call. */
function credentialsOf(connectionString: string): Credentials {
  const userInfo = /^[^:]+:\/\/([^:@/]+):([^@/]*)@/.exec(connectionString);
  const [, username = 'signet', password = ''] = userInfo ?? [];
  return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
}
