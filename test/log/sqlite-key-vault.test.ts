import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { SqliteKeyVault } from '../../control-plane/adapters/sqlite-key-vault.js';
import { KeyUnreadableError } from '../../control-plane/ports/key-vault-errors.js';
import { openSqlite } from '../../shared/sqlite.js';
import {
  describeKeyVaultContract,
  listed,
  newKeyId,
  newRing,
  type OpenVault,
} from '../contracts/key-vault.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describeKeyVaultContract('the SQLite key vault', async () => (await freshVault()).open);

it('the SQLite key vault lists and rewraps over page after page', async () => {
  const { open } = await freshVault();
  const ring = newRing();
  const vault = open(ring);
  const ids = Array.from({ length: 600 }, newKeyId);
  for (const id of ids) await vault.put(id, 'k');
  expect((await listed(vault)).sort()).toEqual(ids.sort());
  const next = newRing(ring);
  await vault.rewrap(next);
  const after = open({ current: next.current, previous: [] });
  for (const id of ids) expect(await after.open(id)).toBe('k');
});

it('the SQLite key vault opens no key under another id, and none whose bytes were altered', async () => {
  const { open, path } = await freshVault();
  const vault = open(newRing());
  const [one, two, three] = [newKeyId(), newKeyId(), newKeyId()];
  for (const id of [one, two, three]) await vault.put(id, `key of ${id}`);
  const database = openSqlite({ path });
  onTestFinished(() => database.close());
  database
    .prepare(
      'UPDATE keys SET (wrapped_key, sealed_pem) = ' +
        '(SELECT wrapped_key, sealed_pem FROM keys WHERE key_id = ?) WHERE key_id = ?',
    )
    .run(one, two);
  database
    .prepare('UPDATE keys SET sealed_pem = zeroblob(length(sealed_pem)) WHERE key_id = ?')
    .run(three);
  await expect(vault.open(two)).rejects.toThrow(KeyUnreadableError);
  await expect(vault.open(three)).rejects.toThrow(KeyUnreadableError);
  expect(await vault.open(one)).toBe(`key of ${one}`);
});

async function freshVault(): Promise<{ open: OpenVault; path: string }> {
  const path = join(await temporaryDirectory(), 'vault.db');
  const open: OpenVault = (masterKeys) => {
    const vault = new SqliteKeyVault({ path, masterKeys });
    onTestFinished(() => vault.close());
    return vault;
  };
  return { open, path };
}
