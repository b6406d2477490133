import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostDirectory, type HostQuery } from '../../control-plane/projections/host-directory.js';
import {
  api,
  apiAdded,
  apiUpdated,
  certificate,
  certUploaded,
  createdAt,
  plugin,
  pluginAdded,
  pluginDeleted,
} from '../support/gateway-fixtures.js';
import { arbitraryEvent } from '../support/histories.js';
import { MemoryControl } from '../support/memory-control.js';

const dayMs = 86_400_000;

function hosts(directory: HostDirectory, query: Partial<HostQuery> = {}): readonly string[] {
  const { entries } = directory.find({ offset: 0, limit: 1000, ...query });
  return entries.map(({ host }) => host);
}

describe('host directory', () => {
  it('is after any history what it would be if made anew', () => {
    const batches = fc.array(fc.array(arbitraryEvent, { minLength: 1, maxLength: 4 }));
    const queries: readonly Partial<HostQuery>[] = [
      {},
      { order: 'expiry' },
      { search: 'host-1' },
      { isBound: false },
      { expiresUntil: createdAt + 1000 * dayMs, order: 'expiry' },
    ];
    fc.assert(
      fc.property(batches, (history) => {
        const control = new MemoryControl();
        const followed = new HostDirectory(control);
        for (const batch of history) {
          control.record(...batch);
          const fresh = new HostDirectory(control);
          for (const query of queries) {
            const page = { offset: 0, limit: 100, ...query };
            expect(followed.find(page)).toEqual(fresh.find(page));
          }
          expect(followed.expiries(createdAt)).toEqual(fresh.expiries(createdAt));
          fresh.close();
        }
      }),
    );
  });

  it('gives any page of the order that is asked for', () => {
    const control = new MemoryControl();
    const directory = new HostDirectory(control);
    const late = { ...certificate(2), notAfter: createdAt + 80 * dayMs };
    const soon = { ...certificate(1), notAfter: createdAt + 5 * dayMs };
    control.record(apiAdded(api(1, { requestHost: 'B.test' })), apiAdded(api(2)), apiAdded(api(3)));
    control.record(certUploaded(late), pluginAdded(plugin(1, 1, 2)));
    control.record(certUploaded(soon), pluginAdded(plugin(2, 2, 1)));
    expect(hosts(directory)).toEqual(['b.test', 'host-2.test', 'host-3.test']);
    expect(hosts(directory, { order: 'expiry' })).toEqual(['host-2.test', 'b.test', 'host-3.test']);
    expect(directory.find({ offset: 1, limit: 1 })).toMatchObject({
      total: 3,
      entries: [{ host: 'host-2.test', certificate: { id: soon.id } }],
    });
    expect(directory.expiries(createdAt)).toEqual({
      withoutCertificate: 1,
      days: [
        [5, 1],
        [80, 1],
      ],
    });
  });

  it('finds by parts of names, and by the beginning of a fingerprint with or without colons', () => {
    const control = new MemoryControl();
    const directory = new HostDirectory(control);
    control.record(apiAdded(api(1, { name: 'Shop' })), apiAdded(api(2)));
    const leaf = { ...certificate(1), fingerprint256: `ab12${'0'.repeat(60)}` };
    control.record(certUploaded(leaf), pluginAdded(plugin(1, 2)));
    expect(hosts(directory, { search: 'HOST-2' })).toEqual(['host-2.test']);
    expect(hosts(directory, { search: 'sho' })).toEqual(['host-1.test']);
    expect(hosts(directory, { search: 'AB:12' })).toEqual(['host-2.test']);
    control.record(apiUpdated(api(1, { name: 'Store' })));
    expect(hosts(directory, { search: 'sho' })).toEqual([]);
  });

  it('shows the certificate for all APIs where there is none of their own', () => {
    const control = new MemoryControl();
    const directory = new HostDirectory(control);
    control.record(apiAdded(api(1)), apiAdded(api(2)));
    control.record(certUploaded(certificate(1)), pluginAdded(plugin(1, 'all')));
    expect(hosts(directory, { isBound: true })).toHaveLength(2);
    expect(directory.entry('HOST-2.test')?.certificate?.id).toBe(certificate(1).id);
    control.record(pluginDeleted(1));
    expect(hosts(directory, { isBound: true })).toEqual([]);
  });
});
