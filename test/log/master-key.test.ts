import { chmod, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  beginMasterKeyRotation,
  finishMasterKeyRotation,
  isMasterKeyRotationPending,
  loadMasterKeys,
} from '../../control-plane/adapters/master-key.js';
import { MasterKeyError } from '../../control-plane/ports/key-vault-errors.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const hexKey = 'ab'.repeat(32);
const base64Key = Buffer.alloc(32, 7).toString('base64');

async function keyPath(): Promise<string> {
  return join(await temporaryDirectory(), 'master.key');
}

describe('master key', () => {
  it('is made at first start, for its owner alone, and found again', async () => {
    const path = await keyPath();
    const first = await loadMasterKeys({ kind: 'file', path });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await loadMasterKeys({ kind: 'file', path })).toEqual(first);
    expect(await readdir(join(path, '..'))).toEqual(['master.key']);
  });

  it('is one and the same for processes that start at the same time', async () => {
    const path = await keyPath();
    const rings = await Promise.all(
      Array.from({ length: 8 }, () => loadMasterKeys({ kind: 'file', path })),
    );
    expect(new Set(rings.map(({ current }) => current.id)).size).toBe(1);
  });

  it('is refused with the mend if others may read its file', async () => {
    const path = await keyPath();
    await loadMasterKeys({ kind: 'file', path });
    for (const mode of [0o640, 0o604, 0o660]) {
      await chmod(path, mode);
      await expect(loadMasterKeys({ kind: 'file', path })).rejects.toThrow(/chmod 600/);
    }
  });

  it('is taken from a value: the first key wraps, the others still open', async () => {
    const ring = await loadMasterKeys({
      kind: 'value',
      value: ` ${hexKey},\n${base64Key}\n`,
      variable: 'KEYS',
    });
    expect(Buffer.from(ring.current.bytes).toString('hex')).toBe(hexKey);
    expect(ring.previous.map(({ bytes }) => Buffer.from(bytes).toString('base64'))).toEqual([
      base64Key,
    ]);
  });

  it('is taken from the output of a command', async () => {
    const ring = await loadMasterKeys({ kind: 'command', command: `echo ${hexKey}` });
    expect(Buffer.from(ring.current.bytes).toString('hex')).toBe(hexKey);
  });

  it('never shows what it could not read', async () => {
    const secret = 'not-a-key-but-secret';
    for (const source of [
      { kind: 'value', value: secret, variable: 'KEYS' } as const,
      { kind: 'command', command: `echo ${secret}` } as const,
      { kind: 'command', command: `echo ${secret}; echo ${secret} >&2; exit 3` } as const,
    ]) {
      const error = await loadMasterKeys(source).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(MasterKeyError);
      expect(String(error)).not.toContain(secret);
      expect(error).not.toHaveProperty('cause');
    }
  });

  it('is rotated in two steps, each of which survives a crash after it', async () => {
    const path = await keyPath();
    const old = await loadMasterKeys({ kind: 'file', path });
    expect(await isMasterKeyRotationPending(path)).toBe(false);
    const both = await beginMasterKeyRotation(path);
    expect(both.previous).toEqual([old.current]);
    expect(await beginMasterKeyRotation(path)).toEqual(both);
    expect(await isMasterKeyRotationPending(path)).toBe(true);
    expect(await loadMasterKeys({ kind: 'file', path })).toEqual(both);
    expect(await finishMasterKeyRotation(path)).toEqual({ current: both.current, previous: [] });
    expect(await readFile(path, 'utf8')).not.toContain(
      Buffer.from(old.current.bytes).toString('base64'),
    );
  });
});
