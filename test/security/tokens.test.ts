import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AccessStore } from '../../control-plane/access/access-store.js';
import { checkCredentialRequest } from '../../control-plane/access/credential.js';
import { coversHost, isGranted, parseScope } from '../../control-plane/access/scope.js';
import { isTokenOf, mintToken, parseToken } from '../../control-plane/access/token.js';
import { openGrants } from '../support/grants.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const start = Date.parse('2026-06-01');

async function openStore(given?: string) {
  const directory = given ?? (await temporaryDirectory());
  const time = { now: start };
  const store = new AccessStore({ log: await openGrants(directory), clock: () => time.now });
  return { store, time, directory };
}

const request = (more: object = {}) =>
  checkCredentialRequest({ name: 'ci', scopes: ['read'], ...more }, start);

function present(token: string | undefined) {
  const parsed = parseToken(token ?? '');
  if (parsed === undefined) throw new Error('not a token');
  return parsed;
}

describe('a token', () => {
  it('is known again by its digest, and no other is', () => {
    const [one, other] = [mintToken(), mintToken()];
    expect(isTokenOf(one.digest, present(one.text).secret)).toBe(true);
    expect(isTokenOf(one.digest, present(other.text).secret)).toBe(false);
    expect(isTokenOf(undefined, present(one.text).secret)).toBe(false);
  });

  it('is parsed from nothing but a token', () => {
    const { text } = mintToken();
    expect(parseToken(text)).toBeDefined();
    expect(parseToken(` ${text}`)).toBeUndefined();
    expect(parseToken(`${text}x`)).toBeUndefined();
    expect(parseToken(`${text}\n`)).toBeUndefined();
    fc.assert(fc.property(fc.string(), (any) => parseToken(any) === undefined));
  });
});

describe('the access store', () => {
  it('lets a token in until the moment it expires', async () => {
    const { store, time } = await openStore();
    const { token } = await store.issue(request({ expiresAt: start + 1000 }), 'admin');
    time.now = start + 999;
    expect(store.verifyToken(present(token)).status).toBe('valid');
    time.now = start + 1000;
    expect(store.verifyToken(present(token)).status).toBe('expired');
  });

  it('refuses a revoked token at once, and where another process revoked it as soon as it hears', async () => {
    const { store, directory } = await openStore();
    const { token, credential } = await store.issue(request(), 'admin');
    const { store: other } = await openStore(directory);
    expect(other.verifyToken(present(token)).status).toBe('valid');
    expect((await store.revoke(credential.id, 'admin'))?.revokedBy).toBe('admin');
    expect(store.verifyToken(present(token)).status).toBe('revoked');
    await expect.poll(() => other.verifyToken(present(token)).status).toBe('revoked');
    expect(await store.revoke('0000000000000000', 'admin')).toBeUndefined();
  });

  it('never gives a name away twice, also after a revocation', async () => {
    const { store } = await openStore();
    const { credential } = await store.issue(request(), 'admin');
    await store.revoke(credential.id, 'admin');
    await expect(store.issue(request(), 'admin')).rejects.toThrow("'ci' is or was in use");
    expect(store.hasCredentials()).toBe(true);
  });

  it('holds no token, and is readable by its owner alone', async () => {
    const directory = await temporaryDirectory();
    const { store } = await openStore(directory);
    const { token } = await store.issue(request(), 'admin');
    for (const name of readdirSync(directory).filter((name) => name.includes('.sqlite'))) {
      expect(statSync(join(directory, name)).mode & 0o077).toBe(0);
      const bytes = readFileSync(join(directory, name));
      expect(bytes.includes(present(token).secret)).toBe(false);
      expect(bytes.includes(Buffer.from(present(token).secret, 'base64url'))).toBe(false);
    }
  });

  it('knows a client certificate by its fingerprint', async () => {
    const { store } = await openStore();
    const fingerprint = 'AB:'.repeat(31).concat('AB');
    const { token } = await store.issue(
      request({ certificateFingerprint256: fingerprint, scopes: ['nodes'] }),
      'admin',
    );
    expect(token).toBeUndefined();
    const verdict = store.verifyCertificate('ab'.repeat(32));
    expect(verdict).toMatchObject({ status: 'valid', credential: { kind: 'certificate' } });
  });
});

describe('a credential request', () => {
  it.each([
    ['name', { name: '' }],
    ['name', { name: 'a\r\nb' }],
    ['name', { name: 'system' }],
    ['name', { name: 'development' }],
    ['scopes', { scopes: [] }],
    ['scopes', { scopes: ['root'] }],
    ['scopes', { scopes: ['certificates:'] }],
    ['scopes', { scopes: ['certificates:*'] }],
    ['scopes', { scopes: ['certificates:a..b'] }],
    ['expires_at', { expiresAt: start }],
    ['expires_at', { expiresAt: Number.NaN }],
    ['certificate_fingerprint', { certificateFingerprint256: 'abc' }],
  ])('is refused for its %s: %o', (field, more) => {
    expect(() => request(more)).toThrow(expect.objectContaining({ field }));
  });
});

describe('scopes', () => {
  it('admit what they say and no more', () => {
    expect(isGranted(['admin'], ['events'])).toBe(true);
    expect(isGranted(['write'], ['read'])).toBe(true);
    expect(isGranted(['write'], ['events'])).toBe(false);
    expect(isGranted(['read'], ['write'])).toBe(false);
    expect(isGranted(['certificates:a.test'], ['read'])).toBe(false);
    expect(isGranted([], ['read'])).toBe(false);
  });

  it('cover the hosts they name, in any letter case, and those under a wildcard', () => {
    const scope = (text: string) => [parseScope(text) ?? 'read'] as const;
    expect(coversHost(scope('certificates:Shop.test'), 'SHOP.test')).toBe(true);
    expect(coversHost(scope('certificates:shop.test'), 'a.shop.test')).toBe(false);
    expect(coversHost(scope('certificates:*.shop.test'), 'a.b.shop.test')).toBe(true);
    expect(coversHost(scope('certificates:*.shop.test'), '*.shop.test')).toBe(true);
    expect(coversHost(scope('certificates:*.shop.test'), 'shop.test')).toBe(false);
    expect(coversHost(scope('certificates:*.shop.test'), 'workshop.test')).toBe(false);
    expect(coversHost(scope('certificates:*.shop.test'), undefined)).toBe(false);
    expect(coversHost(scope('write'), 'shop.test')).toBe(false);
  });
});
