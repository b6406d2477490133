import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServedCertificate } from '../../shared/snapshot.js';
import { poisonName } from '../fleet/chaos/processes/poison.js';
import { builtFile } from '../support/built-file.js';
import { leafOf } from './support/client.js';
import { mint } from './support/mint.js';
import { TestNode } from './support/test-node.js';

const host = 'a.test';

/**
 * A worker that is asked for a name between the store's commit of its certificate and the proof of it
 * makes the context unproved. If the engine could not load the pair, that client got the default certificate.
 */
describe('a certificate that the engine can not load', () => {
  const nodeOptions = process.env['NODE_OPTIONS'] ?? '';
  beforeEach(() => {
    const engine = pathToFileURL(builtFile('test/fleet/chaos/processes/poison-engine.js')).href;
    process.env['NODE_OPTIONS'] = `${nodeOptions} --import ${engine}`;
  });
  afterEach(() => {
    process.env['NODE_OPTIONS'] = nodeOptions;
  });

  it.each([1, 2])('is never what a client is shown first, with %i workers', async (workers) => {
    const node = await TestNode.start({ settings: { workers } });
    const good = await mint(host);
    await node.bind(1, host, good);
    const poison = await mint(host, poisonName);
    const changes = node.commit(node.binding(1, host, poison));
    // No client has asked for the name before: each worker makes its first context for it now.
    expect(await shown(node, 2 * workers)).toEqual([good.fingerprint256]);
    expect(await node.prove(changes)).toMatchObject([{ certificateId: poison.id, hosts: [host] }]);
    expect(await shown(node, 2 * workers)).toEqual([good.fingerprint256]);

    const next = await mint(host);
    expect(await node.bind(1, host, next)).toEqual([]);
    expect(await shown(node, 2 * workers)).toEqual([next.fingerprint256]);
  });

  it('is found among as many as one request can change, whichever it is', async () => {
    const node = await TestNode.start();
    const hosts = Array.from({ length: 33 }, (_, n) => `h${n}.test`);
    const bind = (certificateOf: (name: string) => Promise<ServedCertificate>) =>
      Promise.all(hosts.map(certificateOf)).then((all) => ({
        all,
        entries: all.flatMap((each, n) => node.binding(n, hosts[n] ?? '', each)),
      }));
    const good = await bind((name) => mint(name));
    expect(await node.apply(good.entries)).toEqual([]);
    const poisoned = ['h21.test', 'h32.test'];
    const bad = await bind((name) =>
      poisoned.includes(name) ? mint(name, poisonName) : mint(name),
    );
    const rejected = (await node.apply(bad.entries)).flatMap((rejection) => rejection.hosts);
    expect(rejected.sort()).toEqual(poisoned);
    for (const [n, name] of hosts.entries()) {
      const { all } = poisoned.includes(name) ? good : bad;
      expect(await leafOf(node.httpsPort, name)).toBe(all[n]?.fingerprint256);
    }
  });

  it('is taken back if the engine loads it and only the proof fails', async () => {
    const node = await TestNode.start();
    const good = await mint(host);
    await node.bind(1, host, good);
    const other = await mint(host);
    const wrong = { ...(await mint(host)), fingerprint256: other.fingerprint256 };
    const changes = node.commit(node.binding(1, host, wrong));
    expect(await shown(node, 4)).not.toContain(good.fingerprint256);
    expect(await node.prove(changes)).toMatchObject([{ certificateId: wrong.id, hosts: [host] }]);
    expect(await shown(node, 4)).toEqual([good.fingerprint256]);
  });

  it('does not let a start with many unproved ones go back to what they replaced', async () => {
    const node = await TestNode.create({ settings: { workers: 1 } });
    // The proofs at a start go by name and end before these two.
    const [last, secondLast] = ['z.test', 'y.test'];
    const hosts = [...Array.from({ length: 120 }, (_, n) => `h${n}.test`), secondLast, last];
    const bind = async (certificateOf: (name: string) => Promise<ServedCertificate>) => {
      const minted = await Promise.all(hosts.map(certificateOf));
      const changes = node.commit(
        minted.flatMap((each, n) => node.binding(n, hosts[n] ?? '', each)),
      );
      return { changes, of: (name: string) => minted[hosts.indexOf(name)]?.fingerprint256 };
    };
    const before = await bind((name) => mint(name));
    node.store.settle({ revision: before.changes.revision, keepLastGood: [] });
    const after = await bind((name) => (name === last ? mint(name, poisonName) : mint(name)));
    await node.listen();
    expect(await leafOf(node.httpsPort, last)).toBe(before.of(last));
    // It may have been acknowledged before the end, but not settled.
    expect(await leafOf(node.httpsPort, secondLast)).toBe(after.of(secondLast));
  });
});

/** Every certificate that some handshakes with the host were shown. */
async function shown(node: TestNode, handshakes: number): Promise<string[]> {
  const leaves = new Set<string>();
  for (let n = 0; n < handshakes; n += 1) leaves.add(await leafOf(node.httpsPort, host));
  return [...leaves];
}
