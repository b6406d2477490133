import type { EventId } from '../../../shared/events.js';
import type { ExpectedRevision, Revision } from '../../../shared/revision.js';
import type { EventToAppend, StoredEvent } from '../../ports/event-log.js';

/** What the gateway's thread asks of the thread that holds the client. One answer to each. */
export interface StoreOperations {
  append: {
    readonly request: {
      readonly stream: string;
      /** `any` only where order and repetition do not matter. */
      readonly expected: ExpectedRevision | 'any';
      readonly events: readonly EventToAppend[];
    };
    readonly answer: AppendAnswer;
  };
  /** Forwards from a revision, one page. A stream that is not there answers no events. */
  read: {
    readonly request: { readonly stream: string; readonly from: number };
    readonly answer: readonly StoredEvent[];
  };
  /** Backwards from the end, one page of places. */
  tail: {
    readonly request: { readonly stream: string; readonly maxEvents: number };
    readonly answer: readonly EventPlace[];
  };
  /** The last event of a stream, `undefined` if there is none. */
  last: {
    readonly request: { readonly stream: string };
    readonly answer: StoredEvent | undefined;
  };
  /** Makes revisions before `before` unreadable. */
  truncate: {
    readonly request: { readonly stream: string; readonly before: number };
    readonly answer: null;
  };
  /** Ends a stream for ever. */
  tombstone: { readonly request: { readonly stream: string }; readonly answer: null };
}

export type OperationName = keyof StoreOperations;

export type AppendAnswer =
  | { readonly outcome: 'written'; readonly last: Revision }
  | { readonly outcome: 'conflict'; readonly actual: ExpectedRevision };

export interface EventPlace {
  readonly revision: Revision;
  readonly id: EventId;
}

/** Why an operation gave no answer. */
export interface StoreFailure {
  /** `retry`: the same again may succeed. The others are for good. */
  readonly fate: 'retry' | 'denied' | 'stream-deleted' | 'too-large';
  /** Whether the store may have carried it out nevertheless. */
  readonly maybeDone: boolean;
  /** The client will not recover from this: throw it away. */
  readonly isClientBroken: boolean;
  /** For the log; no credentials. */
  readonly message: string;
}

export type ToWorker =
  | {
      [Name in OperationName]: {
        readonly kind: 'operation';
        readonly id: number;
        readonly name: Name;
        readonly timeoutMs: number;
        readonly request: StoreOperations[Name]['request'];
      };
    }[OperationName]
  /** Delivers events after `after` until cancelled or cut; at most `windowBytes` ahead of the consumer. */
  | {
      readonly kind: 'follow';
      readonly id: number;
      readonly stream: string;
      readonly after: ExpectedRevision;
      readonly windowBytes: number;
    }
  | { readonly kind: 'consumed'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'cancel'; readonly id: number };

export type FromWorker =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  /** Also the end of a follow, cut or cancelled. */
  | { readonly kind: 'failure'; readonly id: number; readonly failure: StoreFailure }
  | { readonly kind: 'confirmed'; readonly id: number }
  | { readonly kind: 'events'; readonly id: number; readonly events: readonly StoredEvent[] };

/** Bytes that one event counts for in the window. */
export function eventBytes(event: EventToAppend): number {
  return event.data.byteLength + event.metadata.byteLength + 100;
}

export interface WorkerSettings {
  readonly connectionString: string;
}
