import { randomUUID } from 'node:crypto';
import type { EventId } from '../../shared/events.js';
import type { Logger } from '../../shared/logger.js';
import { type ExpectedRevision, nextRevision } from '../../shared/revision.js';
import type { EventLog, StoredEvent } from '../ports/event-log.js';
import { RevisionConflictError } from '../ports/event-log-errors.js';
import { type CredentialIssued, decodeEntry, encodeEntry, type GrantEntry } from './grant-entry.js';

export interface GrantLogOptions {
  /** A log of its own: who may do what is no part of what nodes serve, nor of an export of it. */
  readonly log: EventLog;
  /** 32 bytes that all control planes of the cluster have. */
  readonly key: Uint8Array;
  readonly logger: Logger;
}

export interface KnownCredential extends Omit<CredentialIssued, 'type'> {
  readonly revokedAt?: number;
  readonly revokedBy?: string;
}

/** What the entries add up to. */
export interface Grants {
  /** By id, oldest first. */
  readonly credentials: ReadonlyMap<string, KnownCredential>;
  readonly credentialIdByName: ReadonlyMap<string, string>;
  readonly credentialIdByFingerprint: ReadonlyMap<string, string>;
  /** When each join token that was not spent expires, by the hash of its secret. */
  readonly joinTokens: ReadonlyMap<string, number>;
  /** Whether a credential was ever made, by whomever. */
  readonly everGuarded: boolean;
}

/**
 * Who may use the admin API and which tokens let a node in: folded from a small log that the control
 * planes of a cluster share, so that what one of them grants or revokes holds at all of them.
 */
export class GrantLog {
  readonly #options: GrantLogOptions;
  readonly #listeners = new Set<() => void>();
  readonly #credentials = new Map<string, KnownCredential>();
  readonly #idByName = new Map<string, string>();
  readonly #idByFingerprint = new Map<string, string>();
  readonly #joinTokens = new Map<string, number>();
  #everGuarded = false;
  #head: ExpectedRevision = 'empty';

  /** Reads all that stands in the log. */
  static async open(options: GrantLogOptions): Promise<GrantLog> {
    const opened = new GrantLog(options);
    await opened.#catchUp();
    return opened;
  }

  private constructor(options: GrantLogOptions) {
    this.#options = options;
  }

  get grants(): Grants {
    return {
      credentials: this.#credentials,
      credentialIdByName: this.#idByName,
      credentialIdByFingerprint: this.#idByFingerprint,
      joinTokens: this.#joinTokens,
      everGuarded: this.#everGuarded,
    };
  }

  /** Called after anything has changed, wherever. Returns what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes up what other processes write, as they write it, until the signal aborts; resolves then. */
  follow(signal: AbortSignal): Promise<void> {
    const consumer = {
      events: (batch: readonly StoredEvent[]) => this.#fold(batch),
      caughtUp: () => {},
    };
    return this.#options.log.subscribe(this.#head, consumer, signal);
  }

  /**
   * Appends what `decide` makes of all that stands in the log. If another process was faster, it is asked
   * anew: of two that spend one token, one sees it spent.
   * @returns what was appended; `undefined` if there was nothing to.
   */
  async record(
    decide: (grants: Grants) => GrantEntry | undefined,
  ): Promise<GrantEntry | undefined> {
    const { log, key } = this.#options;
    for (;;) {
      await this.#catchUp();
      const expected = this.#head;
      const entry = decide(this.grants);
      if (entry === undefined) return undefined;
      const id = randomUUID() as EventId;
      try {
        await log.append(expected, [
          encodeEntry(entry, { id, key, revision: nextRevision(expected) }),
        ]);
      } catch (error) {
        if (error instanceof RevisionConflictError) continue;
        throw error;
      }
      await this.#catchUp();
      return entry;
    }
  }

  async #catchUp(): Promise<void> {
    for await (const batch of this.#options.log.read(nextRevision(this.#head))) this.#fold(batch);
  }

  /** Entries come in by reading and by following; each is folded once, whichever is first. */
  #fold(batch: readonly StoredEvent[]): void {
    const fresh = batch.filter(({ revision }) => this.#head === 'empty' || revision > this.#head);
    for (const stored of fresh) {
      const entry = decodeEntry(stored, this.#options.key);
      // An entry that nobody believes opens nothing up, and does not open the admin API up either.
      if (stored.type === 'CredentialIssued') this.#everGuarded = true;
      if (entry === undefined) {
        const { revision } = stored;
        this.#options.logger.error(
          { revision },
          'an entry of the grant log is not believed: written by somebody else, or cluster_ca_dir differs',
        );
      } else this.#apply(entry);
      this.#head = stored.revision;
    }
    if (fresh.length > 0) for (const listener of this.#listeners) listener();
  }

  #apply(entry: GrantEntry): void {
    switch (entry.type) {
      case 'CredentialIssued': {
        const { type: _, ...credential } = entry;
        this.#credentials.set(entry.id, credential);
        this.#idByName.set(entry.name, entry.id);
        if (entry.fingerprint256) this.#idByFingerprint.set(entry.fingerprint256, entry.id);
        return;
      }
      case 'CredentialRevoked': {
        const { id, revokedAt, revokedBy } = entry;
        const credential = this.#credentials.get(id);
        if (credential) this.#credentials.set(id, { ...credential, revokedAt, revokedBy });
        return;
      }
      case 'JoinTokenIssued':
        this.#joinTokens.set(entry.secretHash, entry.expiresAt);
        return;
      case 'JoinTokenSpent':
        this.#joinTokens.delete(entry.secretHash);
        return;
      default:
        entry satisfies never;
    }
  }
}
