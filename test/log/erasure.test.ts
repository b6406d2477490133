import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadMasterKeys } from '../../control-plane/adapters/master-key.js';
import { MasterKeyRotation } from '../../control-plane/adapters/master-key-rotation.js';
import { unseal } from '../../control-plane/adapters/sealing.js';
import { SqliteKeyVault } from '../../control-plane/adapters/sqlite-key-vault.js';
import type { KeyId } from '../../shared/gateway-model.js';
import { openSqlite } from '../../shared/sqlite.js';
import { newKeyId } from '../contracts/key-vault.js';
import { filesHolding } from '../support/bytes-below.js';
import { silentLogger } from '../support/silent-logger.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

interface StoredRow {
  readonly sealedPem: Uint8Array;
  readonly wrappedKey: Uint8Array;
}

async function openVault() {
  const directory = await temporaryDirectory();
  const source = { kind: 'file', path: join(directory, 'master.key') } as const;
  const masterKeys = await loadMasterKeys(source);
  const path = join(directory, 'keys.sqlite');
  const vault = new SqliteKeyVault({ path, masterKeys });
  onTestFinished(() => vault.close());
  const database = openSqlite({ path });
  const row = (keyId: KeyId): StoredRow => {
    const found = database
      .prepare<StoredRow>(
        'SELECT sealed_pem AS sealedPem, wrapped_key AS wrappedKey FROM keys WHERE key_id = ?',
      )
      .get(keyId);
    if (found === undefined) throw new Error('no such row');
    return found;
  };
  onTestFinished(() => database.close());
  return { directory, source, masterKeys, vault, row };
}

it('an erased key leaves no byte of itself, sealed or not, in any file', async () => {
  const { directory, masterKeys, vault, row } = await openVault();
  const pems = Array.from(
    { length: 30 },
    () =>
      generateKeyPairSync('ec', {
        namedCurve: 'P-256',
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
        publicKeyEncoding: { type: 'spki', format: 'pem' },
      }).privateKey,
  );
  const ids = pems.map(() => newKeyId());
  for (const [n, pem] of pems.entries()) await vault.put(ids[n] ?? newKeyId(), pem);
  const [victim, pem] = [ids[13], pems[13]];
  if (victim === undefined || pem === undefined) throw new Error('thirty keys');
  const { sealedPem, wrappedKey } = row(victim);
  const dataKey = unseal(masterKeys.current.bytes, `signet data key ${victim}`, wrappedKey);
  const pieces = {
    sealedPem,
    wrappedKey,
    dataKey,
    pem: Buffer.from(pem),
    'body of the PEM': Buffer.from(pem.split('\n')[1] ?? ''),
    der: createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' }),
    secret: Buffer.from(createPrivateKey(pem).export({ format: 'jwk' }).d ?? '', 'base64url'),
  };
  // The search finds what is there.
  expect(await filesHolding(directory, { sealedPem, wrappedKey })).not.toEqual([]);
  expect(await filesHolding(directory, { dataKey, pem: pieces.pem, der: pieces.der })).toEqual([]);
  await vault.erase(victim);
  expect(await filesHolding(directory, pieces)).toEqual([]);
  await vault.close();
  expect(await filesHolding(directory, pieces)).toEqual([]);
});

it('a rotated master key leaves no byte of itself, nor of what it wrapped', async () => {
  const { directory, source, masterKeys, vault, row } = await openVault();
  const ids = Array.from({ length: 300 }, newKeyId);
  for (const id of ids) await vault.put(id, `key of ${id}`);
  const old = Buffer.from(masterKeys.current.bytes);
  const pieces = {
    'old master key': old,
    'old master key in Base64': Buffer.from(old.toString('base64')),
    'first wrapping': row(ids[0] ?? newKeyId()).wrappedKey,
    'last wrapping': row(ids.at(-1) ?? newKeyId()).wrappedKey,
  };
  expect(await filesHolding(directory, pieces)).toHaveLength(3);
  const isVaultShared = false;
  const options = { source, masterKeys, vault, isVaultShared, logger: silentLogger };
  const rotation = new MasterKeyRotation(options);
  await rotation.rotate();
  expect(rotation.masterKeyId).not.toBe(masterKeys.current.id);
  expect(await filesHolding(directory, pieces)).toEqual([]);
  expect(await readFile(source.path, 'utf8')).not.toBe('');
  await vault.close();
  const after = new SqliteKeyVault({
    path: join(directory, 'keys.sqlite'),
    masterKeys: await loadMasterKeys(source),
  });
  onTestFinished(() => after.close());
  for (const id of ids) expect(await after.open(id)).toBe(`key of ${id}`);
});

it('a rotation that a crash cut short is finished by the next start', async () => {
  const { directory, source, masterKeys, vault } = await openVault();
  const ids = Array.from({ length: 600 }, newKeyId);
  for (const id of ids) await vault.put(id, `key of ${id}`);
  const common = { source, isVaultShared: false, logger: silentLogger };
  const rotating = new MasterKeyRotation({ ...common, masterKeys, vault }).rotate();
  const cut = expect(rotating).rejects.toMatchObject({ code: 'SIGNET_VAULT_CLOSED' });
  // Some pages are rewrapped by then, some not.
  await new Promise((resolve) => setTimeout(resolve, 5));
  await vault.close();
  await cut;

  const both = await loadMasterKeys(source);
  expect(both.previous).toEqual([masterKeys.current]);
  const path = join(directory, 'keys.sqlite');
  const next = new SqliteKeyVault({ path, masterKeys: both });
  for (const id of ids) expect(await next.open(id)).toBe(`key of ${id}`);
  await new MasterKeyRotation({ ...common, masterKeys: both, vault: next }).resume();
  await next.close();
  const settled = await loadMasterKeys(source);
  expect(settled).toEqual({ current: both.current, previous: [] });
  const last = new SqliteKeyVault({ path, masterKeys: settled });
  onTestFinished(() => last.close());
  for (const id of ids) expect(await last.open(id)).toBe(`key of ${id}`);
});

it('a rotation of a shared vault asks for both keys first', async () => {
  const { source, masterKeys, vault } = await openVault();
  const options = { source, masterKeys, vault, isVaultShared: true, logger: silentLogger };
  await expect(new MasterKeyRotation(options).rotate()).rejects.toThrow(
    /give every one of them both/,
  );
});
