import { Compile } from 'typebox/compile';
import { canonicalText } from '../../shared/canonical-json.js';
import type { EventId, EventMetadata, GatewayEvent, RecordedEvent } from '../../shared/events.js';
import { nextRevision, type Revision } from '../../shared/revision.js';
import type { EventToAppend, StoredEvent } from '../ports/event-log.js';
import { EventChainBrokenError, EventUnreadableError } from './event-errors.js';
import { type StoredMetadata, storedMetadataSchema } from './event-schemas.js';
import { eventVersions } from './event-versions.js';
import { type ChainHead, eventHash } from './hash-chain.js';

/**
 * Between events and the log's bytes.
 *
 * Data is canonical JSON. Metadata is `{"hash":"…",` followed by the rest of the metadata as canonical
 * JSON (actor, correlationId, idempotency, previousHash, time, version): all that is hashed is then
 * one piece of bytes, and every stored byte is either hashed or compared with what it must be.
 */
export interface EventToEncode {
  readonly id: EventId;
  readonly event: GatewayEvent;
  readonly metadata: EventMetadata;
}

export interface EncodedEvents {
  readonly toAppend: readonly EventToAppend[];
  /** The same events as they will be read, if the append succeeds at this head. */
  readonly recorded: readonly RecordedEvent[];
  /** The log's head after the append. */
  readonly head: ChainHead;
}

export interface DecodedEvent {
  readonly recorded: RecordedEvent;
  readonly hash: string;
  readonly previousHash: string;
}

/** Encodes events to be appended right after `head`. */
export function encodeEvents(head: ChainHead, events: readonly EventToEncode[]): EncodedEvents {
  const toAppend: EventToAppend[] = [];
  const recorded: RecordedEvent[] = [];
  let last = head;
  for (const { id, event, metadata } of events) {
    const at = nextRevision(last.revision);
    const type = event.type;
    const version = eventVersions.get(type)?.current;
    if (version === undefined) throw new TypeError(`no such event type: ${type}`);
    const data = Buffer.from(canonicalText(event.data), 'utf8');
    const hashed = Buffer.from(
      canonicalText({ ...metadata, previousHash: last.hash, version }).slice(1),
      'utf8',
    );
    const hash = eventHash(at, id, type, data, hashed);
    toAppend.push({ id, type, data, metadata: joinMetadata(hash, hashed) });
    recorded.push({ revision: at, id, event, metadata });
    last = { revision: at, hash };
  }
  return { toAppend, recorded, head: last };
}

/**
 * Reads one event and checks its bytes against its own hash, not against its predecessor.
 * @throws EventUnreadableError for an unknown type, version or form.
 * @throws EventChainBrokenError if its bytes are not what was written.
 */
export function decodeEvent(stored: StoredEvent): DecodedEvent {
  const { hash, previousHash, version, ...metadata } = checkedMetadata(stored);
  const known = eventVersions.get(stored.type);
  if (known === undefined) {
    throw unreadable(stored.revision, `unknown event type "${stored.type}", ${newerHint}`);
  }
  if (version > known.current) {
    throw unreadable(stored.revision, `${stored.type} has version ${version}, ${newerHint}`);
  }
  const data = known.upcast(parseJson(stored.data, stored.revision, 'data'), version);
  const fault = known.fault(data);
  if (fault !== undefined) throw unreadable(stored.revision, `${stored.type}: ${fault}`);
  // `fault` has checked the data against the schema of this type.
  const event = { type: stored.type, data } as GatewayEvent;
  return {
    recorded: { revision: stored.revision, id: stored.id, event, metadata },
    hash,
    previousHash,
  };
}

/**
 * Reads the events that follow `head` and checks that each follows its predecessor.
 * @throws EventUnreadableError, EventChainBrokenError
 */
export function decodeEvents(
  head: ChainHead,
  events: readonly StoredEvent[],
): { readonly recorded: readonly RecordedEvent[]; readonly head: ChainHead } {
  const recorded: RecordedEvent[] = [];
  let last = head;
  for (const stored of events) {
    const expected = nextRevision(last.revision);
    if (stored.revision !== expected) {
      throw new EventChainBrokenError(expected, `revision ${stored.revision} stands in its place`);
    }
    const decoded = decodeEvent(stored);
    if (decoded.previousHash !== last.hash) {
      throw new EventChainBrokenError(stored.revision, 'does not follow the event before it');
    }
    recorded.push(decoded.recorded);
    last = { revision: stored.revision, hash: decoded.hash };
  }
  return { recorded, head: last };
}

/**
 * Splits stored metadata into the hash and the bytes it covers; `undefined` if it has not that form.
 */
export function splitMetadata(
  metadata: Uint8Array,
): { readonly hash: string; readonly hashed: Uint8Array } | undefined {
  const bytes = Buffer.from(metadata.buffer, metadata.byteOffset, metadata.byteLength);
  const text = bytes.toString('latin1', 0, hashedOffset);
  // Whether these are 64 hex digits shows when they are compared with the digest.
  const hash = text.slice(hashPrefix.length, hashPrefix.length + 64);
  if (text !== `${hashPrefix}${hash}",`) return undefined;
  return { hash, hashed: bytes.subarray(hashedOffset) };
}

const hashPrefix = '{"hash":"';
const hashedOffset = hashPrefix.length + 64 + 2;
const newerHint = 'which this version of Signet cannot read: was it written by a newer one?';
const metadataValidator = Compile(storedMetadataSchema);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function joinMetadata(hash: string, hashed: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${hashPrefix}${hash}",`, 'latin1'), hashed]);
}

function checkedMetadata(stored: StoredEvent): StoredMetadata {
  const { revision, id, type, data } = stored;
  const split = splitMetadata(stored.metadata);
  if (split === undefined) throw unreadable(revision, 'its metadata does not begin with a hash');
  if (eventHash(revision, id, type, data, split.hashed) !== split.hash) {
    throw new EventChainBrokenError(revision, 'its bytes do not match its hash');
  }
  const metadata = parseJson(stored.metadata, revision, 'metadata');
  if (!metadataValidator.Check(metadata)) {
    const [first] = metadataValidator.Errors(metadata);
    throw unreadable(revision, `metadata ${first?.instancePath} ${first?.message}`);
  }
  return metadata;
}

function parseJson(bytes: Uint8Array, at: Revision, part: 'data' | 'metadata'): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    // The parser's message may quote the text it stumbled over.
    throw unreadable(at, `its ${part} is not JSON in UTF-8`);
  }
}

function unreadable(at: Revision, reason: string): EventUnreadableError {
  return new EventUnreadableError(at, reason);
}
