import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AccessStore } from '../../control-plane/access/access-store.js';
import { encodeEntry } from '../../control-plane/access/grant-entry.js';
import type * as GrantLogModule from '../../control-plane/access/grant-log.js';
import type { Scope } from '../../control-plane/access/scope.js';
import { mintToken, parseToken } from '../../control-plane/access/token.js';
import type * as ConnectionModule from '../../control-plane/adapters/eventstore/event-store-connection.js';
import type * as LogModule from '../../control-plane/adapters/eventstore/eventstore-event-log.js';
import { JoinTokens } from '../../control-plane/distribution/join-tokens.js';
import { grantStream } from '../../control-plane/open-grant-log.js';
import type { EventId } from '../../shared/events.js';
import { parseJoinToken } from '../../shared/join-token.js';
import { revision } from '../../shared/revision.js';
import { built } from '../support/built.js';
import { EventStoreDouble } from '../support/eventstore-double.js';
import { silentLogger } from '../support/silent-logger.js';

// The connection starts a thread, and errors are told apart by their classes.
const { GrantLog } = await built<typeof GrantLogModule>('control-plane/access/grant-log.js');
const { EventStoreConnection } = await built<typeof ConnectionModule>(
  'control-plane/adapters/eventstore/event-store-connection.js',
);
const { EventStoreEventLog } = await built<typeof LogModule>(
  'control-plane/adapters/eventstore/eventstore-event-log.js',
);

const key = randomBytes(32);
const caFingerprint256 = 'ab'.repeat(32);
const dayMs = 86_400_000;

async function startStore() {
  const double = await EventStoreDouble.start();
  onTestFinished(() => double.stop());
  const open = async (withKey: Uint8Array = key) => {
    const connection = new EventStoreConnection({ connectionString: double.connectionString });
    const events = new EventStoreEventLog({ connection, stream: grantStream });
    const log = await GrantLog.open({ log: events, key: withKey, logger: silentLogger });
    const stop = new AbortController();
    const followed = log.follow(stop.signal);
    onTestFinished(async () => {
      stop.abort();
      await followed;
      await events.close();
      await connection.close();
    });
    const store = new AccessStore({ log, clock: Date.now });
    return { events, store, tokens: new JoinTokens(log) };
  };
  return { double, open };
}

const present = (token: string | undefined) => parseToken(token ?? '') ?? expect.fail('no token');
const join = (token: string) => parseJoinToken(token) ?? expect.fail('no join token');

describe('control planes of one EventStoreDB log', () => {
  it('let the same credentials in, and refuse one that any of them revoked', async () => {
    const { open } = await startStore();
    const [one, other] = [await open(), await open()];
    expect(other.store.hasCredentials()).toBe(false);
    const { token, credential } = await one.store.issue({ name: 'ci', scopes: ['read'] }, 'test');
    await expect.poll(() => other.store.verifyToken(present(token)).status).toBe('valid');
    expect(other.store.hasCredentials()).toBe(true);
    let heard = 0;
    one.store.onChange(() => (heard += 1));
    await other.store.revoke(credential.id, 'test');
    await expect.poll(() => one.store.verifyToken(present(token)).status).toBe('revoked');
    expect(heard).toBeGreaterThan(0);
    const later = await open();
    expect(later.store.verifyToken(present(token)).status).toBe('revoked');
  });

  it('give a name, and the first token, away once', async () => {
    const { open } = await startStore();
    const planes = [await open(), await open()];
    const first = await Promise.all(
      planes.map(({ store }) => store.issueFirst({ name: 'first', scopes: ['admin'] }, 'system')),
    );
    expect(first.filter((token) => token !== undefined)).toHaveLength(1);
    const named = await Promise.allSettled(
      planes.map(({ store }) => store.issue({ name: 'ci', scopes: ['read'] }, 'test')),
    );
    expect(named.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('take a join token that another of them made, and only one of them takes it', async () => {
    const { open } = await startStore();
    const planes = [await open(), await open()];
    for (let n = 0; n < 10; n += 1) {
      const made = await planes[n % 2]?.tokens.issue(caFingerprint256, Date.now() + dayMs);
      const token = join(made ?? '');
      const spent = await Promise.all(
        [...planes, ...planes].map(({ tokens }) => tokens.spend(token, Date.now())),
      );
      expect(spent.filter((giveBack) => giveBack !== undefined)).toHaveLength(1);
      // Its node could not be recorded: good again, everywhere, once.
      await spent.find((giveBack) => giveBack !== undefined)?.();
      const again = await Promise.all(planes.map(({ tokens }) => tokens.spend(token, Date.now())));
      expect(again.filter((giveBack) => giveBack !== undefined)).toHaveLength(1);
    }
    const expired = join((await planes[0]?.tokens.issue(caFingerprint256, Date.now() + 50)) ?? '');
    expect(await planes[1]?.tokens.spend(expired, Date.now() + 100)).toBeUndefined();
  });

  it('believe no entry of whoever else may write to the store, nor one put in again', async () => {
    const { open } = await startStore();
    const { events, store } = await open();
    const { salt, hash } = mintToken().digest;
    const forged = {
      type: 'CredentialIssued' as const,
      id: '0123456789abcdef',
      name: 'forger',
      scopes: ['admin' as Scope],
      issuedAt: 0,
      issuedBy: 'forger',
      token: {
        salt: Buffer.from(salt).toString('hex'),
        hash: Buffer.from(hash).toString('hex'),
      },
    };
    const id = () => randomUUID() as EventId;
    await events.append('empty', [encodeEntry(forged, { id: id(), revision: 0, key: salt })]);
    // Nobody believes it, and yet the admin API does not open up.
    await expect.poll(() => store.hasCredentials()).toBe(true);
    expect(store.list()).toEqual([]);

    const { tokens } = await open();
    const token = join(await tokens.issue(caFingerprint256, Date.now() + dayMs));
    await tokens.spend(token, Date.now());
    for await (const [issued] of events.read(revision(1))) {
      if (issued) await events.append(revision(2), [{ ...issued, id: id() }]);
      break;
    }
    expect(await tokens.spend(token, Date.now())).toBeUndefined();
  });

  it('keep no secret in the store', async () => {
    const { double, open } = await startStore();
    const { store, tokens } = await open();
    const { token } = await store.issue({ name: 'ci', scopes: ['read'] }, 'test');
    const joining = await tokens.issue(caFingerprint256, Date.now() + dayMs);
    const stored = double.store.read({
      stream: grantStream,
      from: 0,
      count: 100,
      isBackwards: false,
    });
    const text = JSON.stringify(stored, (_name, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    );
    expect(text).toContain('CredentialIssued');
    for (const secret of [present(token).secret, join(joining).secret]) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(secret, 'base64url').toString('latin1'));
    }
  });
});
