import type { KeyObject } from 'node:crypto';
import { nextRevision, type Revision, revision } from '../../shared/revision.js';
import type { StoredEvent } from '../ports/event-log.js';
import { type Checkpoint, isGenuine } from './checkpoint.js';
import { splitMetadata } from './codec.js';
import { type ChainHead, chainStart, eventHash } from './hash-chain.js';

export interface VerifyOptions {
  /** All events in the order of the log, from the first that is still there. */
  readonly events: AsyncIterable<readonly StoredEvent[]>;
  /** The first revision that must be there: 0, or where the log says that it was trimmed. */
  readonly first?: Revision;
  /** Signed statements about the log, in any order, and the keys one of which signed each. */
  readonly checkpoints?: {
    readonly statements: readonly Checkpoint[];
    readonly publicKeys: readonly KeyObject[];
  };
  /** Called after every batch with the last revision checked. */
  readonly onProgress?: (checked: Revision) => void;
}

export type Verification =
  | {
      readonly status: 'intact';
      readonly head: ChainHead;
      /** As the event at revision 0 says. */
      readonly logId: string | undefined;
      /** How many checkpoints agree. */
      readonly checkpoints: number;
    }
  /** `revision` is the first that is not proven to be what was written. */
  | { readonly status: 'altered'; readonly revision: Revision; readonly reason: string };

/**
 * Checks every byte of a log against its hash chain, and the chain against signed checkpoints. Names
 * the first revision that is not what was written: changed, removed, inserted or reordered. Does not
 * judge whether this version can read the events.
 *
 * Without checkpoints a log that was cut short at its end, or written anew from some point on, looks
 * intact; then compare its head with one that was noted elsewhere.
 */
export async function verifyLog(options: VerifyOptions): Promise<Verification> {
  const { events, first = revision(0), onProgress } = options;
  const { statements, publicKeys } = options.checkpoints ?? { statements: [], publicKeys: [] };
  const forged = statements.find((each) => !publicKeys.some((key) => isGenuine(each, key)));
  if (forged !== undefined) {
    return altered(forged.revision, 'the checkpoint of this revision has a wrong signature');
  }
  const verifier = new LogVerifier(first, statements);
  for await (const batch of events) {
    for (const event of batch) {
      const wrong = verifier.check(event);
      if (wrong !== undefined) return wrong;
    }
    if (verifier.head.revision !== 'empty') onProgress?.(verifier.head.revision);
  }
  return verifier.end();
}

type Altered = Extract<Verification, { status: 'altered' }>;

class LogVerifier {
  head: ChainHead;
  readonly #first: Revision;
  readonly #checkpoints: readonly Checkpoint[];
  #agreed = 0;
  #logId: string | undefined;

  constructor(first: Revision, checkpoints: readonly Checkpoint[]) {
    this.#first = first;
    this.head = first === 0 ? chainStart : { revision: revision(first - 1), hash: 'unknown' };
    this.#checkpoints = checkpoints
      .filter((checkpoint) => checkpoint.revision >= first)
      .toSorted((a, b) => a.revision - b.revision);
  }

  check(event: StoredEvent): Altered | undefined {
    const expected = nextRevision(this.head.revision);
    if (event.revision !== expected) {
      return altered(expected, `it is missing; revision ${event.revision} follows the one before`);
    }
    const split = splitMetadata(event.metadata);
    if (split === undefined) return altered(expected, 'its metadata was changed');
    const { hash, hashed } = split;
    if (eventHash(expected, event.id, event.type, event.data, hashed) !== hash) {
      return altered(expected, 'its bytes do not match its hash');
    }
    const previousHash = previousHashOf(hashed);
    if (previousHash === undefined) return altered(expected, 'it names no predecessor');
    const isLinked = previousHash === this.head.hash || (expected > 0 && expected === this.#first);
    if (!isLinked) {
      // Its own bytes are whole, so it was written after another event than the one that stands there.
      const before = expected === 0 ? expected : revision(expected - 1);
      return altered(before, `revision ${expected} was not written after it: it was replaced`);
    }
    if (expected === 0) this.#logId = logIdOf(event);
    this.head = { revision: expected, hash };
    return this.#compareWithCheckpoints();
  }

  end(): Verification {
    const next = this.#checkpoints[this.#agreed];
    if (next !== undefined) {
      const reason = `it was removed: a checkpoint of ${next.time} says that the log went on to revision ${next.revision}`;
      return altered(nextRevision(this.head.revision), reason);
    }
    const { head } = this;
    return { status: 'intact', head, logId: this.#logId, checkpoints: this.#agreed };
  }

  #compareWithCheckpoints(): Altered | undefined {
    for (;;) {
      const checkpoint = this.#checkpoints[this.#agreed];
      if (checkpoint === undefined || checkpoint.revision !== this.head.revision) return undefined;
      if (this.#logId !== undefined && checkpoint.logId !== this.#logId) {
        return altered(this.#first, `the checkpoint is of log ${checkpoint.logId}`);
      }
      if (checkpoint.hash !== this.head.hash) {
        const proven = this.#checkpoints[this.#agreed - 1];
        const first = proven === undefined ? this.#first : nextRevision(proven.revision);
        const reason = `the log was written anew from here or from a later revision up to ${checkpoint.revision}, where the checkpoint of ${checkpoint.time} has another hash`;
        return altered(first, reason);
      }
      this.#agreed += 1;
    }
  }
}

const previousHashMark = Buffer.from('"previousHash":"', 'latin1');

/**
 * Without parsing: a quote within a JSON string has a backslash before it, so these bytes are the
 * property and nothing else.
 */
function previousHashOf(hashed: Uint8Array): string | undefined {
  const bytes = Buffer.from(hashed.buffer, hashed.byteOffset, hashed.byteLength);
  const at = bytes.indexOf(previousHashMark);
  if (at < 0) return undefined;
  const start = at + previousHashMark.byteLength;
  return bytes.toString('latin1', start, start + 64);
}

function logIdOf({ type, data }: StoredEvent): string | undefined {
  if (type !== 'LogCreated') return undefined;
  const found = /"logId":"([0-9a-f-]{36})"/.exec(Buffer.from(data).toString('utf8'));
  return found?.[1];
}

function altered(at: Revision, reason: string): Altered {
  return { status: 'altered', revision: at, reason };
}
