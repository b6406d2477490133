import { randomUUID } from 'node:crypto';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import type { EventId } from '../../../shared/events.js';
import type { KeyId } from '../../../shared/gateway-model.js';
import type { ExpectedRevision } from '../../../shared/revision.js';
import type { EventToAppend, StoredEvent } from '../../ports/event-log.js';
import type { MasterKeyring, RotatingKeyVault } from '../../ports/key-vault.js';
import {
  KeyErasedError,
  KeyExistsError,
  KeyUnreadableError,
  VaultClosedError,
  VaultUnavailableError,
} from '../../ports/key-vault-errors.js';
import { openKey, rewrapKey, type SealedKey, sealKey } from '../key-sealer.js';
import type { EventStoreConnection } from './event-store-connection.js';
import { type RetryOutcome, retried } from './retry.js';
import type { OperationName, StoreFailure, StoreOperations } from './worker-protocol.js';

export interface EventStoreKeyVaultOptions {
  /** Shared with the log; whoever made it closes it after both. */
  readonly connection: EventStoreConnection;
  readonly masterKeys: MasterKeyring;
  /** Default `signet-key`: streams `signet-key-<id>`, and `signet-key-index` for listing. */
  readonly streamPrefix?: string;
  /** How long a call is tried again before it fails, default 10000. */
  readonly deadlineMs?: number;
}

/**
 * The vault of a fleet: one EventStoreDB stream for each key, whose last event is the sealed key.
 * Erasing tombstones the stream: no one reads it any more, and the next scavenge removes the bytes.
 * An index stream tells which keys were ever stored; it holds ids alone.
 */
export class EventStoreKeyVault implements RotatingKeyVault {
  readonly #connection: EventStoreConnection;
  readonly #prefix: string;
  readonly #deadlineMs: number;
  readonly #closing = new AbortController();
  #masterKeys: MasterKeyring;

  constructor(options: EventStoreKeyVaultOptions) {
    this.#connection = options.connection;
    this.#masterKeys = options.masterKeys;
    this.#prefix = options.streamPrefix ?? 'signet-key';
    this.#deadlineMs = options.deadlineMs ?? 10_000;
  }

  async put(keyId: KeyId, keyPem: string): Promise<void> {
    // First, so that a key whose put is cut short is listed and can be swept.
    await this.#noteInIndex('KeyStored', keyId);
    const sealed = sealKey(this.#masterKeys, keyId, keyPem);
    const outcome = await this.#appendSealed(keyId, 'empty', sealed);
    if (outcome !== 'written') throw new KeyExistsError(keyId);
  }

  async open(keyId: KeyId): Promise<string> {
    const stored = await this.#lastOf(keyId);
    if (stored === undefined) throw new KeyErasedError(keyId);
    return openKey(this.#masterKeys, keyId, toSealedKey(keyId, stored));
  }

  async erase(keyId: KeyId): Promise<void> {
    await this.#answered('tombstone', { stream: this.#streamOf(keyId) });
    await this.#noteInIndex('KeyErased', keyId);
  }

  async *list(): AsyncIterable<KeyId> {
    const ids = new Set<KeyId>();
    for (let from = 0; ; ) {
      const page = await this.#answered('read', { stream: this.#index, from });
      const last = page.at(-1);
      if (last === undefined) break;
      for (const event of page) {
        const keyId = Buffer.from(event.data).toString('utf8') as KeyId;
        if (event.type === 'KeyStored') ids.add(keyId);
        else ids.delete(keyId);
      }
      from = last.revision + 1;
    }
    yield* ids;
  }

  /** Key by key. The old wrapping becomes unreadable at once and is removed by the next scavenge. */
  async rewrap(masterKeys: MasterKeyring): Promise<void> {
    this.#masterKeys = masterKeys;
    for await (const keyId of this.list()) await this.#rewrapOne(keyId);
  }

  async close(): Promise<void> {
    this.#closing.abort(new VaultClosedError());
  }

  async #rewrapOne(keyId: KeyId): Promise<void> {
    for (;;) {
      const stored = await this.#lastOf(keyId);
      if (stored === undefined) return;
      const sealed = toSealedKey(keyId, stored);
      if (sealed.masterKeyId !== this.#masterKeys.current.id) {
        const rewrapped = rewrapKey(this.#masterKeys, keyId, sealed);
        const outcome = await this.#appendSealed(keyId, stored.revision, rewrapped);
        // Another control plane was faster, or erased the key: look again.
        if (outcome !== 'written') continue;
      }
      const first = sealed.masterKeyId === this.#masterKeys.current.id ? 0 : 1;
      const before = stored.revision + first;
      if (before > 0) await this.#answered('truncate', { stream: this.#streamOf(keyId), before });
      return;
    }
  }

  async #appendSealed(
    keyId: KeyId,
    expected: ExpectedRevision,
    sealed: SealedKey,
  ): Promise<'written' | 'conflict'> {
    const data = {
      sealedPem: Buffer.from(sealed.sealedPem).toString('base64'),
      wrappedKey: Buffer.from(sealed.wrappedKey).toString('base64'),
      masterKeyId: sealed.masterKeyId,
    };
    const event = newEvent('KeySealed', JSON.stringify(data));
    const request = { stream: this.#streamOf(keyId), expected, events: [event] };
    const { answer, failure } = await this.#tried('append', request);
    if (failure?.fate === 'stream-deleted') return 'conflict';
    if (failure !== undefined) throw toError(failure);
    if (answer.outcome === 'written') return 'written';
    // The answer of an earlier try may be lost.
    return (await this.#lastOf(keyId))?.id === event.id ? 'written' : 'conflict';
  }

  async #lastOf(keyId: KeyId): Promise<StoredEvent | undefined> {
    const { answer, failure } = await this.#tried('last', { stream: this.#streamOf(keyId) });
    if (failure === undefined) return answer;
    if (failure.fate === 'stream-deleted') return undefined;
    throw toError(failure);
  }

  async #noteInIndex(type: 'KeyStored' | 'KeyErased', keyId: KeyId): Promise<void> {
    const events = [newEvent(type, keyId)];
    await this.#answered('append', { stream: this.#index, expected: 'any', events });
  }

  async #answered<Name extends OperationName>(
    name: Name,
    request: StoreOperations[Name]['request'],
  ): Promise<StoreOperations[Name]['answer']> {
    const outcome = await this.#tried(name, request);
    if (outcome.failure !== undefined) throw toError(outcome.failure);
    return outcome.answer;
  }

  async #tried<Name extends OperationName>(
    name: Name,
    request: StoreOperations[Name]['request'],
  ): Promise<RetryOutcome<StoreOperations[Name]['answer']>> {
    const options = { deadlineMs: this.#deadlineMs, signal: this.#closing.signal };
    return retried(options, () => this.#connection.call(name, request));
  }

  #streamOf(keyId: KeyId): string {
    return `${this.#prefix}-${keyId}`;
  }

  get #index(): string {
    return `${this.#prefix}-index`;
  }
}

const sealedKeyForm = Compile(
  Type.Object(
    { sealedPem: Type.String(), wrappedKey: Type.String(), masterKeyId: Type.String() },
    { additionalProperties: false },
  ),
);

function toSealedKey(keyId: KeyId, stored: StoredEvent): SealedKey {
  let data: unknown;
  try {
    data = JSON.parse(Buffer.from(stored.data).toString('utf8'));
  } catch {
    // The parser's message would quote the text.
    throw new KeyUnreadableError(keyId, 'its event is not JSON');
  }
  if (!sealedKeyForm.Check(data)) throw new KeyUnreadableError(keyId, 'its event has a wrong form');
  return {
    sealedPem: Buffer.from(data.sealedPem, 'base64'),
    wrappedKey: Buffer.from(data.wrappedKey, 'base64'),
    masterKeyId: data.masterKeyId,
  };
}

function newEvent(type: string, data: string): EventToAppend {
  const id = randomUUID() as EventId;
  return { id, type, data: Buffer.from(data, 'utf8'), metadata: new Uint8Array(0) };
}

function toError(failure: StoreFailure): VaultUnavailableError {
  return new VaultUnavailableError(
    failure.fate === 'denied'
      ? `EventStoreDB denies access to the key vault; check the user and its rights: ${failure.message}`
      : `EventStoreDB does not answer for the key vault: ${failure.message}`,
  );
}
