import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fold } from '../../control-plane/domain/evolve.js';
import { initialState } from '../../control-plane/domain/state.js';
import { decodeEvents, encodeEvents } from '../../control-plane/events/codec.js';
import { eventDataSchemas } from '../../control-plane/events/event-schemas.js';
import { eventVersions } from '../../control-plane/events/event-versions.js';
import { chainStart } from '../../control-plane/events/hash-chain.js';
import { readExport } from '../../control-plane/events/log-transfer.js';
import type { StoredEvent } from '../../control-plane/ports/event-log.js';

/**
 * Logs as releases wrote them: the first with every type of event and every optional field, later ones
 * with what events got since. The files never change: what was written once must be read by every later
 * version, and hash to the same.
 */
const forms = [1, 2];

describe('the golden log', () => {
  it('is read, follows its hash chain and folds to the state it always folded to', async () => {
    const { recorded, head } = decodeEvents(chainStart, await goldenLog());
    expect(head).toEqual({
      revision: 19,
      hash: '2810fb829def6a30b4c52af2071081e3c1f5c52a6223fe89bdcd805807e7e828',
    });
    const state = recorded.reduce(fold, initialState);
    expect(state.logId).toBe('eeeeeeee-0000-4000-8000-000000000001');
    expect([...state.apis.values()]).toEqual([
      {
        id: 'aaaaaaaa-0000-4000-8000-000000000001',
        createdAt: 1767225600001,
        name: 'api-1',
        requestHost: 'host-1.test',
        requestPath: '/one',
        upstreamUrl: 'http://upstream-1.test:8080/base',
        stripRequestPath: false,
        preserveHost: false,
      },
      {
        id: 'aaaaaaaa-0000-4000-8000-000000000002',
        createdAt: 1767225600002,
        name: 'api-2',
        requestHost: '*.wild.test',
        requestPath: '/päth/😀',
        upstreamUrl: 'http://upstream-2.test:8080/base',
        stripRequestPath: true,
        preserveHost: true,
      },
    ]);
    expect([...state.plugins.values()]).toEqual([
      {
        id: 'bbbbbbbb-0000-4000-8000-000000000001',
        name: 'ssl',
        apiId: 'aaaaaaaa-0000-4000-8000-000000000001',
        createdAt: 1767225600000,
        enabled: true,
        config: {
          certificateId: 'cccccccc-0000-4000-8000-000000000002',
          onlyHttps: true,
          acceptHttpIfAlreadyTerminated: true,
        },
      },
    ]);
    // The first was erased; the third lost its last use with its API, its key is still to be erased.
    expect([...state.certificates.values()]).toMatchObject([
      { keyAlgorithm: 'rsa-2048', names: ['"quoted" \\ name', '\u2028'] },
      { keyAlgorithm: 'ed25519', notBefore: -1, notAfter: 253402300799000 },
    ]);
    expect([...state.keysToErase.keys()]).toEqual(['cccccccc-0000-4000-8000-000000000003']);
    expect(state.nodes.valueSeq().toArray()).toEqual([
      { id: '99999999-0000-4000-8000-000000000002', name: 'node-2 é', joinedAt: 1767225600002 },
    ]);
    expect(state.servedByNode.keySeq().toArray()).toEqual(['99999999-0000-4000-8000-000000000002']);
    expect(state.idempotentWrites.keySeq().toArray()).toEqual(['my key', 'nothing to do']);
  });

  it('holds every type of event', async () => {
    const logs = await Promise.all(forms.map((form) => goldenLog(form)));
    const types = new Set(logs.flat().map(({ type }) => type));
    expect([...types].sort()).toEqual(Object.keys(eventDataSchemas).sort());
  });

  it.each(forms)(
    'of form %d is written to the same bytes, but for the version of events that have a newer one',
    async (form) => {
      let head = chainStart;
      for (const stored of await goldenLog(form)) {
        const decoded = decodeEvents(head, [stored]);
        const [written] = encodeEvents(head, decoded.recorded).toAppend;
        expect(textOf(written?.data)).toBe(textOf(stored.data));
        const version = Number(JSON.parse(textOf(stored.metadata)).version);
        if (eventVersions.get(stored.type)?.current === version) {
          expect(textOf(written?.metadata)).toBe(textOf(stored.metadata));
        }
        head = decoded.head;
      }
    },
  );

  it('of form 2 holds what events of version 2 may say, and folds to it', async () => {
    const { recorded, head } = decodeEvents(chainStart, await goldenLog(2));
    expect(head.hash).toBe('b4aefc88f2dcc5e81456323f57c084de3b71f1edbcb6ac1a5e0553c8c60f7f09');
    const before = recorded.slice(0, 4).reduce(fold, initialState);
    expect([...before.apis.values()]).toMatchObject([
      {
        upstreamTargets: [
          { host: '192.0.2.1', port: 8443, weight: 3 },
          { host: '2001:db8::1', weight: 1 },
        ],
        upstreamCa: '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n',
        upstreamVerify: true,
      },
    ]);
    const rules = { httpsRedirectStatusCode: 308, hstsMaxAge: 31536000, hstsPreload: false };
    expect([...before.plugins.values()]).toMatchObject([
      { config: { ...rules, hstsIncludeSubdomains: true } },
    ]);
    const after = recorded.slice(4).reduce(fold, before);
    expect([...after.apis.values()][0]).not.toHaveProperty('upstreamCa');
    expect([...after.plugins.values()]).toMatchObject([
      { config: { httpsRedirectStatusCode: 426, hstsMaxAge: 0 } },
    ]);
  });
});

function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('utf8');
}

async function goldenLog(form = 1): Promise<StoredEvent[]> {
  const path = join(import.meta.dirname, `golden/events-${form}.jsonl`);
  const text = await readFile(path, 'utf8');
  const events: StoredEvent[] = [];
  for await (const batch of readExport(lines(text))) events.push(...batch);
  return events;
}

async function* lines(text: string) {
  yield* text.trimEnd().split('\n');
}
