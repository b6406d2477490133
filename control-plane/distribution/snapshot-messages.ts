import type { CertificateId } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import type { Revision } from '../../shared/revision.js';
import type { SnapshotEntryKey } from '../../shared/snapshot.js';
import { type ChunkMessage, chunkBytes, encodeMessage } from '../../shared/snapshot-protocol.js';
import type { KeyVault } from '../ports/key-vault.js';
import { KeyErasedError, KeyUnreadableError } from '../ports/key-vault-errors.js';
import { entryAt, entryKeysAt } from '../projections/snapshot-entries.js';
import type { PublishedSnapshot, SnapshotFeed } from './snapshot-feed.js';

/** A snapshot on its way to a node: what it leads to, and its frames, in pieces that are made as they are asked for. */
export interface OutgoingSnapshot {
  readonly to: PublishedSnapshot;
  readonly isFull: boolean;
  /** Opens keys as it goes: take it only to send it to an admitted node. @throws SnapshotOvertakenError */
  readonly frames: AsyncIterable<Buffer>;
}

/** The configuration moved on while a snapshot was being sent, and a key of it is gone. A newer one follows. */
export class SnapshotOvertakenError extends Error {}

type Draft = { -readonly [Field in keyof ChunkMessage]: ChunkMessage[Field] };

/** Deltas above this are sent as a stream of their own to each node instead of being kept. */
const maxSharedKeys = 64;
const sharedForMs = 2000;

/**
 * Makes the frames of snapshots. Nodes mostly move together, from one revision to the next: a small
 * delta is encoded once, its keys opened once, for all of them.
 */
export class SnapshotEncoder {
  readonly #feed: SnapshotFeed;
  readonly #vault: KeyVault;
  readonly #logger: Logger;
  /** Frames of small deltas to one head, by the revision that they start from. */
  #shared: { to?: PublishedSnapshot; byOrigin: Map<Revision, Promise<readonly Buffer[]>> } = {
    byOrigin: new Map(),
  };

  constructor(feed: SnapshotFeed, vault: KeyVault, logger: Logger) {
    this.#feed = feed;
    this.#vault = vault;
    this.#logger = logger;
  }

  /** What brings a node from a revision of the feed's log, or from nothing, to the head. */
  snapshotFrom(from: Revision | 'empty'): OutgoingSnapshot | undefined {
    const to = this.#feed.head;
    if (to === undefined) return undefined;
    const changed = from === 'empty' ? undefined : this.#feed.changedSince(from);
    if (from === 'empty' || changed === undefined) {
      return { to, isFull: true, frames: this.#full(to) };
    }
    return { to, isFull: false, frames: this.#delta(to, from, changed) };
  }

  async *#full(to: PublishedSnapshot) {
    yield encodeMessage({ type: 'begin', logId: to.logId, to: to.revision });
    yield* this.#encode(to, entryKeysAt(to.state));
  }

  async *#delta(to: PublishedSnapshot, from: Revision, keys: readonly SnapshotEntryKey[]) {
    const begin = encodeMessage({ type: 'begin', logId: to.logId, from, to: to.revision });
    if (keys.length > maxSharedKeys) {
      yield begin;
      yield* this.#encode(to, keys);
    } else {
      const [first, ...rest] = await this.#encodeOnce(to, from, keys);
      // Mostly that is all: one write here, and one wake-up of the node instead of two or three.
      yield first === undefined ? begin : Buffer.concat([begin, first]);
      yield* rest;
    }
  }

  /** Nodes whose revisions differ, but stand for the same entries, share what follows `begin`. */
  #encodeOnce(
    to: PublishedSnapshot,
    from: Revision,
    keys: readonly SnapshotEntryKey[],
  ): Promise<readonly Buffer[]> {
    const origin = this.#feed.neededFor(from);
    if (this.#shared.to !== to) this.#shared = { to, byOrigin: new Map() };
    const known = this.#shared.byOrigin.get(origin);
    if (known !== undefined) return known;
    const frames = collect(this.#encode(to, keys));
    const { byOrigin } = this.#shared;
    byOrigin.set(origin, frames);
    // Failed frames are not kept for the next node, nor good ones for long: there are keys in them.
    frames.catch(() => byOrigin.delete(origin));
    setTimeout(() => byOrigin.delete(origin), sharedForMs).unref();
    return frames;
  }

  async *#encode(
    to: PublishedSnapshot,
    keys: Iterable<SnapshotEntryKey>,
  ): AsyncGenerator<Buffer, void, undefined> {
    let draft = emptyChunk();
    let bytes = 0;
    for (const key of keys) {
      bytes += await this.#addEntry(draft, to, key);
      if (bytes < chunkBytes) continue;
      yield encodeMessage(draft);
      draft = emptyChunk();
      bytes = 0;
    }
    const end = encodeMessage({ type: 'end' });
    yield bytes > 0 ? Buffer.concat([encodeMessage(draft), end]) : end;
  }

  /** @returns roughly how many bytes the entry takes. */
  async #addEntry(draft: Draft, to: PublishedSnapshot, key: SnapshotEntryKey): Promise<number> {
    const entry = entryAt(to.state, key);
    switch (entry?.kind) {
      case 'api':
        draft.apis.push(entry.value);
        return 512;
      case 'plugin':
        draft.plugins.push(entry.value);
        return 512;
      case 'certificate': {
        const keyPem = await this.#openKey(to, entry.value.id);
        draft.certificates.push({ ...entry.value, keyPem });
        return 256 + entry.value.chainPem.length + keyPem.length;
      }
      case undefined:
        addRemoval(draft, key);
        return 64;
    }
  }

  /**
   * A key that is gone although the newest snapshot needs it is sent empty: nodes then refuse that
   * one certificate, keep the host's last good one, and everything else goes on.
   */
  async #openKey(to: PublishedSnapshot, certificateId: CertificateId): Promise<string> {
    const keyId = to.state.certificates.get(certificateId)?.keyId;
    if (keyId === undefined) return '';
    try {
      return await this.#vault.open(keyId);
    } catch (error) {
      if (!(error instanceof KeyErasedError || error instanceof KeyUnreadableError)) throw error;
      if (this.#feed.head !== to) throw new SnapshotOvertakenError();
      this.#logger.error({ certificateId, keyId, err: error }, 'a certificate in use has no key');
      return '';
    }
  }
}

function addRemoval(draft: Draft, key: SnapshotEntryKey): void {
  switch (key.kind) {
    case 'api':
      draft.removedApis.push(key.id);
      break;
    case 'plugin':
      draft.removedPlugins.push(key.id);
      break;
    case 'certificate':
      draft.removedCertificates.push(key.id);
  }
}

function emptyChunk(): Draft {
  return {
    type: 'chunk',
    apis: [],
    plugins: [],
    certificates: [],
    removedApis: [],
    removedPlugins: [],
    removedCertificates: [],
  };
}

async function collect(pieces: AsyncIterable<Buffer>): Promise<readonly Buffer[]> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}
