import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type MasterKeyring, masterKey } from '../../control-plane/adapters/key-sealer.js';
import { SqliteKeyVault } from '../../control-plane/adapters/sqlite-key-vault.js';
import {
  KeyErasedError,
  KeyExistsError,
  KeyUnreadableError,
  VaultClosedError,
} from '../../control-plane/ports/key-vault-errors.js';
import type { KeyId } from '../../shared/gateway-model.js';
import { openSqlite } from '../../shared/sqlite.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const newRing = (...previous: MasterKeyring[]): MasterKeyring => ({
  current: masterKey(randomBytes(32)),
  previous: previous.map(({ current }) => current),
});
const newKeyId = () => randomUUID() as KeyId;

async function openVault(masterKeys = newRing()) {
  const path = join(await temporaryDirectory(), 'vault.db');
  const vault = new SqliteKeyVault({ path, masterKeys });
  onTestFinished(() => vault.close());
  return { vault, path, masterKeys };
}

async function listed(vault: SqliteKeyVault): Promise<KeyId[]> {
  const ids: KeyId[] = [];
  for await (const id of vault.list()) ids.push(id);
  return ids;
}

describe('SQLite key vault', () => {
  it('opens what was put, also after a restart', async () => {
    const { vault, path, masterKeys } = await openVault();
    const keyId = newKeyId();
    await vault.put(keyId, 'a key\n');
    expect(await vault.open(keyId)).toBe('a key\n');
    await vault.close();
    const again = new SqliteKeyVault({ path, masterKeys });
    onTestFinished(() => again.close());
    expect(await again.open(keyId)).toBe('a key\n');
    expect(await listed(again)).toEqual([keyId]);
  });

  it('never changes a key in place', async () => {
    const { vault } = await openVault();
    const keyId = newKeyId();
    await vault.put(keyId, 'one');
    await expect(vault.put(keyId, 'two')).rejects.toThrow(KeyExistsError);
    expect(await vault.open(keyId)).toBe('one');
  });

  it('does not open an erased key, and erases twice without complaint', async () => {
    const { vault } = await openVault();
    const keyId = newKeyId();
    await vault.put(keyId, 'secret');
    await vault.erase(keyId);
    await vault.erase(keyId);
    await expect(vault.open(keyId)).rejects.toThrow(KeyErasedError);
    expect(await listed(vault)).toEqual([]);
  });

  it('lists every key, over page after page', async () => {
    const { vault } = await openVault();
    const ids = Array.from({ length: 600 }, newKeyId);
    for (const id of ids) await vault.put(id, 'k');
    expect((await listed(vault)).sort()).toEqual(ids.sort());
  });

  it('does not open a key under another id, nor one whose bytes were altered', async () => {
    const { vault, path } = await openVault();
    const [one, two, three] = [newKeyId(), newKeyId(), newKeyId()];
    for (const id of [one, two, three]) await vault.put(id, `key of ${id}`);
    const database = openSqlite({ path });
    onTestFinished(() => database.close());
    database
      .prepare(
        'UPDATE keys SET wrapped_key = (SELECT wrapped_key FROM keys WHERE key_id = ?), sealed_pem = (SELECT sealed_pem FROM keys WHERE key_id = ?) WHERE key_id = ?',
      )
      .run(one, one, two);
    database
      .prepare('UPDATE keys SET sealed_pem = zeroblob(length(sealed_pem)) WHERE key_id = ?')
      .run(three);
    await expect(vault.open(two)).rejects.toThrow(KeyUnreadableError);
    await expect(vault.open(three)).rejects.toThrow(KeyUnreadableError);
    expect(await vault.open(one)).toBe(`key of ${one}`);
  });

  it('says so when the master key is another one', async () => {
    const { vault, path } = await openVault();
    const keyId = newKeyId();
    await vault.put(keyId, 'secret');
    const other = new SqliteKeyVault({ path, masterKeys: newRing() });
    onTestFinished(() => other.close());
    await expect(other.open(keyId)).rejects.toThrow(/master key [0-9a-f]{16}, which is not among/);
  });

  it('rewraps every key for a new master key while it goes on serving', async () => {
    const { vault, path, masterKeys } = await openVault();
    const ids = Array.from({ length: 600 }, newKeyId);
    for (const id of ids) await vault.put(id, `key of ${id}`);
    const next = newRing(masterKeys);
    const rotation = vault.rewrap(next);
    const late = newKeyId();
    await vault.put(late, `key of ${late}`);
    for (const id of ids.slice(0, 50)) expect(await vault.open(id)).toBe(`key of ${id}`);
    await rotation;
    await vault.close();
    const after = new SqliteKeyVault({ path, masterKeys: { current: next.current, previous: [] } });
    onTestFinished(() => after.close());
    for (const id of [...ids, late]) expect(await after.open(id)).toBe(`key of ${id}`);
  });

  it('refuses every call once closed', async () => {
    const { vault } = await openVault();
    await vault.close();
    await expect(vault.open(newKeyId())).rejects.toThrow(VaultClosedError);
    await expect(vault.put(newKeyId(), 'k')).rejects.toThrow(VaultClosedError);
  });
});
