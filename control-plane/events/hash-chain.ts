import { createHash } from 'node:crypto';
import type { EventId } from '../../shared/events.js';
import type { ExpectedRevision, Revision } from '../../shared/revision.js';

/**
 * Each event's hash covers its own bytes and its predecessor's hash, so a log is known by the hash of
 * its last event: changing, removing, inserting or reordering any event before it changes that hash.
 */
export interface ChainHead {
  readonly revision: ExpectedRevision;
  /** SHA-256, 64 lower-case hex digits. */
  readonly hash: string;
}

/** Where every log begins. */
export const chainStart: ChainHead = { revision: 'empty', hash: '0'.repeat(64) };

const format = Buffer.from('signet event 1\0', 'latin1');

/**
 * SHA-256 over a format mark, the revision (64 bits), the id (16 bytes), the lengths of type and data
 * (32 bits each, big-endian), type, data and metadata. Lengths keep the parts apart; the metadata, last,
 * holds the event version and the previous hash.
 */
export function eventHash(
  at: Revision,
  id: EventId,
  type: string,
  data: Uint8Array,
  metadata: Uint8Array,
): string {
  const typeBytes = Buffer.from(type, 'utf8');
  const prefix = Buffer.allocUnsafe(format.length + 8 + 16 + 4 + 4 + typeBytes.length);
  let offset = format.copy(prefix);
  offset = prefix.writeUInt32BE(Math.floor(at / 2 ** 32), offset);
  offset = prefix.writeUInt32BE(at % 2 ** 32, offset);
  offset += prefix.write(id.replaceAll('-', ''), offset, 16, 'hex');
  offset = prefix.writeUInt32BE(typeBytes.length, offset);
  offset = prefix.writeUInt32BE(data.length, offset);
  typeBytes.copy(prefix, offset);
  return createHash('sha256').update(prefix).update(data).update(metadata).digest('hex');
}
