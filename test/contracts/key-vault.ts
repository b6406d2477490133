import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { masterKey } from '../../control-plane/adapters/key-sealer.js';
import type { MasterKeyring, RotatingKeyVault } from '../../control-plane/ports/key-vault.js';
import type { KeyId } from '../../shared/gateway-model.js';

/** Opens instances on one fresh, empty vault; each closes when the test ends. */
export type OpenVault = (masterKeys: MasterKeyring) => RotatingKeyVault;

export function newRing(...previous: MasterKeyring[]): MasterKeyring {
  return {
    current: masterKey(randomBytes(32)),
    previous: previous.map(({ current }) => current),
  };
}

export function newKeyId(): KeyId {
  return randomUUID() as KeyId;
}

/** What every key vault keeps. */
export function describeKeyVaultContract(name: string, fresh: () => Promise<OpenVault>): void {
  describe(`${name} keeps the key vault's contract`, () => {
    it('opens what was put, also in another process', async () => {
      const open = await fresh();
      const ring = newRing();
      const vault = open(ring);
      const keyId = newKeyId();
      await vault.put(keyId, 'a key\n');
      expect(await vault.open(keyId)).toBe('a key\n');
      const again = open(ring);
      expect(await again.open(keyId)).toBe('a key\n');
      expect(await listed(again)).toEqual([keyId]);
    });

    it('never changes a key in place', async () => {
      const vault = (await fresh())(newRing());
      const keyId = newKeyId();
      await vault.put(keyId, 'one');
      await expect(vault.put(keyId, 'two')).rejects.toMatchObject({ code: 'SIGNET_KEY_EXISTS' });
      expect(await vault.open(keyId)).toBe('one');
    });

    it('does not open an erased key, and erases twice without complaint', async () => {
      const vault = (await fresh())(newRing());
      const [kept, erased, never] = [newKeyId(), newKeyId(), newKeyId()];
      for (const id of [kept, erased]) await vault.put(id, 'secret');
      await vault.erase(erased);
      await vault.erase(erased);
      await vault.erase(never);
      for (const id of [erased, never]) {
        await expect(vault.open(id)).rejects.toMatchObject({
          code: 'SIGNET_KEY_ERASED',
          keyId: id,
        });
      }
      expect(await listed(vault)).toEqual([kept]);
    });

    it('says so when the master key is another one', async () => {
      const open = await fresh();
      const keyId = newKeyId();
      await open(newRing()).put(keyId, 'secret');
      await expect(open(newRing()).open(keyId)).rejects.toThrow(
        /master key [0-9a-f]{16}, which is not among/,
      );
    });

    it('rewraps every key for a new master key while it goes on serving', async () => {
      const open = await fresh();
      const ring = newRing();
      const vault = open(ring);
      const ids = Array.from({ length: 40 }, newKeyId);
      for (const id of ids) await vault.put(id, `key of ${id}`);
      const next = newRing(ring);
      const rotation = vault.rewrap(next);
      const late = newKeyId();
      await vault.put(late, `key of ${late}`);
      for (const id of ids.slice(0, 10)) expect(await vault.open(id)).toBe(`key of ${id}`);
      await rotation;
      const after = open({ current: next.current, previous: [] });
      for (const id of [...ids, late]) expect(await after.open(id)).toBe(`key of ${id}`);
    });

    it('opens keys under either master key when a rewrap was cut short, and finishes it later', async () => {
      const open = await fresh();
      const ring = newRing();
      const early = newKeyId();
      await open(ring).put(early, 'early');
      const next = newRing(ring);
      const late = newKeyId();
      await open(next).put(late, 'late');
      const resumed = open(next);
      expect(await resumed.open(early)).toBe('early');
      expect(await resumed.open(late)).toBe('late');
      await resumed.rewrap(next);
      await resumed.rewrap(next);
      const after = open({ current: next.current, previous: [] });
      expect(await after.open(early)).toBe('early');
      expect(await after.open(late)).toBe('late');
    });

    it('erases in the middle of a rewrap', async () => {
      const open = await fresh();
      const ring = newRing();
      const vault = open(ring);
      const ids = Array.from({ length: 10 }, newKeyId);
      for (const id of ids) await vault.put(id, `key of ${id}`);
      const next = newRing(ring);
      await Promise.all([vault.rewrap(next), ...ids.slice(5).map((id) => vault.erase(id))]);
      expect((await listed(vault)).sort()).toEqual(ids.slice(0, 5).sort());
      for (const id of ids.slice(0, 5)) expect(await vault.open(id)).toBe(`key of ${id}`);
    });

    it('refuses every call once closed', async () => {
      const vault = (await fresh())(newRing());
      await vault.close();
      for (const call of [vault.open(newKeyId()), vault.put(newKeyId(), 'k'), listed(vault)]) {
        await expect(call).rejects.toMatchObject({ code: 'SIGNET_VAULT_CLOSED' });
      }
    });
  });
}

export async function listed(vault: RotatingKeyVault): Promise<KeyId[]> {
  const ids: KeyId[] = [];
  for await (const id of vault.list()) ids.push(id);
  return ids;
}
