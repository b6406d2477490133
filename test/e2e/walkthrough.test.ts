import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminClient, idOf } from '../support/admin-client.js';
import { curl } from '../support/curl.js';
import { type Echo, EchoUpstream } from '../support/echo-upstream.js';
import { eventually } from '../support/eventually.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { KeptConnection } from '../support/kept-connection.js';
import { fingerprintOf, kongRecipe, leafBySClient } from '../support/openssl-client.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { shownLeaf } from '../support/shown-leaf.js';
import { TestCa } from '../support/test-ca.js';

/**
 * The walkthrough of Kong's ssl page, from the first key to the second node, with real `openssl` and
 * `curl` against the built all-in-one. The steps build on each other, in this order.
 */
describe('the walkthrough', { timeout: 90_000 }, () => {
  const host = 'walkthrough.test';
  const directory = new ScratchDirectory();
  let upstream: EchoUpstream;
  let gateway: GatewayProcess;
  let admin: AdminClient;
  let defaultLeaf: string;
  let recipeLeaf: string;
  let pluginId: string;

  const startGateway = () =>
    GatewayProcess.start({ dataDir: directory.path('data'), flags: ['--workers', '1'] });

  beforeAll(async () => {
    upstream = await EchoUpstream.start();
    gateway = await startGateway();
    admin = new AdminClient(gateway.adminUrl);
    defaultLeaf = await shownLeaf(gateway.tlsPort, host);
  });
  afterAll(async () => {
    await gateway.kill();
    await upstream.close();
    await directory.remove();
  });

  it('makes a key and a certificate by the recipe, and binds them with one call', async () => {
    const { certPath, keyPath } = await kongRecipe(directory.path('recipe'), host);
    const added = await curl(
      ...['-X', 'POST', `${gateway.adminUrl}/apis/`, '--data', 'name=walkthrough'],
      ...['--data', `request_host=${host}`, '--data', `upstream_url=${upstream.url}`],
    );
    expect(added.status).toBe(201);
    const bound = await curl(
      ...['-X', 'POST', `${gateway.adminUrl}/apis/walkthrough/plugins`, '--form', 'name=ssl'],
      ...['--form', `config.cert=@${certPath}`, '--form', `config.key=@${keyPath}`],
      ...['--form', 'config.only_https=true'],
    );
    expect(bound.status).toBe(201);
    pluginId = JSON.parse(bound.body).id;
    expect(bound.body).not.toContain('PRIVATE KEY');

    const uploaded = await readFile(certPath, 'utf8');
    const shown = await eventually(async () => {
      const leaf = await leafBySClient(gateway.tlsPort, host);
      expect(leaf.toString().trim()).toBe(uploaded.trim());
      return leaf;
    });
    recipeLeaf = fingerprintOf(shown);
  });

  it('shows any other name the default certificate', async () => {
    expect(fingerprintOf(await leafBySClient(gateway.tlsPort, 'other.test'))).toBe(defaultLeaf);
    expect(recipeLeaf).not.toBe(defaultLeaf);
  });

  it('proxies to the upstream over TLS', async () => {
    const answer = await curl(
      ...['--insecure', '--resolve', `${host}:${gateway.tlsPort}:127.0.0.1`],
      `https://${host}:${gateway.tlsPort}/some/path?x=1`,
    );
    expect(answer.status).toBe(200);
    const echo: Echo = JSON.parse(answer.body);
    expect(echo).toMatchObject({
      method: 'GET',
      url: '/some/path?x=1',
      headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': host },
    });
    expect(answer.headers.get('via')).toMatch(/signet\//);
  });

  const plainHttp = (...args: readonly string[]) =>
    curl('-H', `Host: ${host}`, ...args, `http://127.0.0.1:${gateway.httpPort}/`);

  it('refuses plain HTTP with Kong’s 426, and the upstream never sees it', async () => {
    const before = upstream.requests;
    for (const args of [[], ['-H', 'X-Forwarded-Proto: https'], ['-X', 'POST', '-d', 'x=1']]) {
      const answer = await plainHttp(...args);
      expect(answer.status).toBe(426);
      expect(answer.headers.get('connection')?.toLowerCase()).toContain('upgrade');
      expect(answer.headers.get('upgrade')).toBe('TLS/1.0, HTTP/1.1');
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(answer.headers.get('server')).toMatch(/^signet\//);
      expect(answer.headers.has('via')).toBe(false);
      expect(JSON.parse(answer.body)).toEqual({ message: 'Please use HTTPS protocol' });
    }
    expect(upstream.requests).toBe(before);
  });

  it('lets plain HTTP pass that was terminated before, once told so', async () => {
    const changed = await curl(
      ...['-X', 'PATCH', `${gateway.adminUrl}/apis/walkthrough/plugins/${pluginId}`],
      ...['--data', 'config.accept_http_if_already_terminated=true'],
    );
    expect(changed.status).toBe(200);
    await eventually(async () => {
      expect((await plainHttp('-H', 'X-Forwarded-Proto: https')).status).toBe(200);
    });
    expect((await plainHttp()).status).toBe(426);
    expect((await plainHttp('-H', 'X-Forwarded-Proto: httpsa')).status).toBe(426);
    expect(fingerprintOf(await leafBySClient(gateway.tlsPort, host))).toBe(recipeLeaf);
  });

  it('changes and removes the certificate under an open connection', async () => {
    const kept = new KeptConnection(gateway.tlsPort, host);
    try {
      expect(await kept.get()).toBe(200);
      expect(kept.leaf).toBe(recipeLeaf);

      const replacement = await (await TestCa.create()).issue([host]);
      expect((await admin.rebind('walkthrough', pluginId, replacement)).status).toBe(200);
      await eventually(async () => {
        const leaf = await leafBySClient(gateway.tlsPort, host);
        expect(fingerprintOf(leaf)).toBe(replacement.fingerprint256);
      });
      expect(await kept.get()).toBe(200);
      // The very same connection, on the certificate it began with.
      expect(kept.leaf).toBe(recipeLeaf);

      const plugin = `/apis/walkthrough/plugins/${pluginId}`;
      expect((await admin.send('DELETE', plugin)).status).toBe(204);
      await eventually(async () => {
        expect(fingerprintOf(await leafBySClient(gateway.tlsPort, host))).toBe(defaultLeaf);
        expect((await plainHttp()).status).toBe(200);
      });
      expect(await kept.get()).toBe(200);
      expect(kept.lost).toBe(0);
    } finally {
      kept.close();
    }
  });

  it('feeds a second node, started with one command, at once and from then on', async () => {
    const ca = await TestCa.create();
    const first = await ca.issue([host]);
    const plugin = idOf(await admin.bind('walkthrough', first));

    const tokenAnswer = await admin.send('POST', '/nodes/join-tokens', new URLSearchParams());
    expect(tokenAnswer.status).toBe(201);
    const { token } = tokenAnswer.body as { readonly token: string };
    const node = await GatewayProcess.start({
      command: 'data-plane',
      dataDir: directory.path('second-node'),
      flags: ['--control-planes', `127.0.0.1:${gateway.nodePort}`, '--workers', '1'],
      env: { SIGNET_JOIN_TOKEN: token },
    });
    try {
      expect(await shownLeaf(node.tlsPort, host)).toBe(first.fingerprint256);
      const second = await ca.issue([host]);
      expect((await admin.rebind('walkthrough', plugin, second)).status).toBe(200);
      await eventually(async () => {
        expect(await shownLeaf(node.tlsPort, host)).toBe(second.fingerprint256);
        expect(await shownLeaf(gateway.tlsPort, host)).toBe(second.fingerprint256);
      });
      expect(await directory.filesContaining('second-node', 'PRIVATE KEY')).toEqual([]);
    } finally {
      expect(await node.stop()).toBe(0);
    }
  });

  it('stops cleanly on Ctrl-C and finds everything again', async () => {
    const apis = (await admin.send('GET', '/apis')).body;
    const plugins = (await admin.send('GET', '/plugins')).body;
    const leaf = await shownLeaf(gateway.tlsPort, host);
    expect(await gateway.stop('SIGINT')).toBe(0);

    gateway = await startGateway();
    admin = new AdminClient(gateway.adminUrl);
    expect((await admin.send('GET', '/apis')).body).toEqual(apis);
    expect((await admin.send('GET', '/plugins')).body).toEqual(plugins);
    expect(await shownLeaf(gateway.tlsPort, host)).toBe(leaf);
    expect(await shownLeaf(gateway.tlsPort, 'other.test')).toBe(defaultLeaf);
  });
});
