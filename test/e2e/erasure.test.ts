import { createPrivateKey } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { loadMasterKeys } from '../../control-plane/adapters/master-key.js';
import { unseal } from '../../control-plane/adapters/sealing.js';
import { dataFiles } from '../../control-plane/data-files.js';
import type { KeyId } from '../../shared/gateway-model.js';
import { openSqlite } from '../../shared/sqlite.js';
import { AdminClient, idOf } from '../support/admin-client.js';
import { filesHolding } from '../support/bytes-below.js';
import { eventually } from '../support/eventually.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { shownLeaf } from '../support/shown-leaf.js';
import { TestCa } from '../support/test-ca.js';

it('a deleted certificate leaves no byte of its key below the data directory, master key rotated or not', {
  timeout: 60_000,
}, async () => {
  const directory = new ScratchDirectory();
  onTestFinished(() => directory.remove());
  const dataDir = directory.path('data');
  const gateway = await GatewayProcess.start({ dataDir, flags: ['--workers', '1'] });
  onTestFinished(() => gateway.kill());
  const admin = new AdminClient(gateway.adminUrl);
  const ca = await TestCa.create();

  for (const host of ['kept.test', 'erased.test', 'other.test']) {
    await admin.addApi(host, host, 'http://127.0.0.1:9');
  }
  const kept = await ca.issue(['kept.test']);
  expect((await admin.bind('kept.test', kept, 'applied')).status).toBe(201);
  const erased = await ca.issue(['erased.test']);
  const bound = await admin.bind('erased.test', erased, 'applied');
  expect(await shownLeaf(gateway.tlsPort, 'erased.test')).toBe(erased.fingerprint256);

  const dataKeysBefore = await dataKeys(dataDir);
  const rotated = await admin.send('POST', '/master-key/rotations', new URLSearchParams());
  expect(rotated).toMatchObject({ status: 200, body: { rotating: false } });
  expect((await admin.bind('other.test', await ca.issue(['other.test']), 'applied')).status).toBe(
    201,
  );
  const dataKeysAfter = await dataKeys(dataDir);
  for (const [keyId, key] of dataKeysBefore) expect(dataKeysAfter.get(keyId)).toEqual(key);

  const path = `/apis/erased.test/plugins/${idOf(bound)}?wait=applied`;
  expect((await admin.send('DELETE', path)).status).toBe(204);
  const key = createPrivateKey(erased.key);
  const pieces: Record<string, Uint8Array> = {
    pem: Buffer.from(erased.key),
    'a line of the PEM': Buffer.from(erased.key.split('\n')[1] ?? ''),
    der: key.export({ type: 'pkcs8', format: 'der' }),
    secret: Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'),
  };
  await eventually(async () => {
    const left = await dataKeys(dataDir);
    const gone = [...dataKeysAfter].filter(([keyId]) => !left.has(keyId));
    expect(gone).toHaveLength(1);
    for (const [, dataKey] of gone) pieces['data key'] = dataKey;
  });
  await eventually(async () => expect(await filesHolding(dataDir, pieces)).toEqual([]));
  expect(await shownLeaf(gateway.tlsPort, 'kept.test')).toBe(kept.fingerprint256);
  expect(await gateway.stop()).toBe(0);
  expect(await filesHolding(dataDir, pieces)).toEqual([]);
});

/** The data keys of the vault, in the clear. */
async function dataKeys(dataDir: string): Promise<Map<KeyId, Buffer>> {
  const files = dataFiles(dataDir);
  const { current } = await loadMasterKeys({ kind: 'file', path: files.masterKey });
  const database = openSqlite({ path: files.keyVault, readOnly: true });
  try {
    const rows = database
      .prepare<{ keyId: KeyId; wrappedKey: Uint8Array }>(
        'SELECT key_id AS keyId, wrapped_key AS wrappedKey FROM keys',
      )
      .all();
    return new Map(
      rows.map(({ keyId, wrappedKey }) => [
        keyId,
        unseal(current.bytes, `signet data key ${keyId}`, wrappedKey),
      ]),
    );
  } finally {
    database.close();
  }
}
