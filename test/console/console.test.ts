import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminClient } from '../support/admin-client.js';
import { EchoUpstream } from '../support/echo-upstream.js';
import { eventually } from '../support/eventually.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { shownLeaf } from '../support/shown-leaf.js';
import { type IssuedCertificate, TestCa } from '../support/test-ca.js';
import { chromiumPath, launchBrowser, withoutChromium } from './support/browser.js';
import { bindHosts, usualHosts } from './support/fleet.js';
import { faintTexts } from './support/legibility.js';

if (chromiumPath === undefined) console.warn(`test/console: left out, ${withoutChromium}`);

/** Where the documentation's pictures go; none are taken without. */
const pictures = process.env['SIGNET_TEST_SCREENSHOTS'];

/**
 * The console in a real browser, against the built all-in-one with a second node. The steps build on each
 * other, in this order.
 */
describe.skipIf(chromiumPath === undefined)('the console', () => {
  const host = 'api.atlas.example';
  const directory = new ScratchDirectory();
  const complaints: string[] = [];
  let gateway: GatewayProcess;
  let node: GatewayProcess;
  let upstream: EchoUpstream;
  let browser: Browser;
  let page: Page;
  let ca: TestCa;
  let admin: AdminClient;
  let replacement: IssuedCertificate;
  let original: string;

  /** Everything in view can be read; a picture of it is taken where they are asked for. */
  const look = async (name: string) => {
    // Once everything that moves has come to rest, or was taken off the page.
    await page.evaluate(
      'Promise.allSettled(document.getAnimations().map((each) => each.finished))',
    );
    expect(await faintTexts(page)).toEqual([]);
    if (pictures !== undefined) await page.screenshot({ path: join(pictures, `${name}.png`) });
  };
  const revision = () => page.getByTestId('revision').textContent();

  beforeAll(async () => {
    ca = await TestCa.create();
    upstream = await EchoUpstream.start();
    gateway = await GatewayProcess.start({
      dataDir: directory.path('data'),
      flags: ['--workers', '1', '--node-name', 'edge-1'],
    });
    admin = new AdminClient(gateway.adminUrl);
    node = await startNode();
    browser = await launchBrowser();
    page = await browser.newPage({
      viewport: { width: 1280, height: 800 },
      deviceScaleFactor: pictures === undefined ? 1 : 1.5,
    });
    page.setDefaultTimeout(20_000);
    page.on('console', (message) => void complaints.push(message.text()));
    page.on('pageerror', (error) => void complaints.push(String(error)));
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    await node?.kill();
    await gateway?.kill();
    await upstream?.close();
    await directory.remove();
  });

  async function startNode(): Promise<GatewayProcess> {
    const { body } = await admin.send('POST', '/nodes/join-tokens', new URLSearchParams());
    const { token } = body as { readonly token: string };
    return GatewayProcess.start({
      command: 'data-plane',
      dataDir: directory.path('node'),
      flags: [
        ...['--workers', '1', '--node-name', 'edge-2'],
        ...['--control-planes', `127.0.0.1:${gateway.nodePort}`],
      ],
      env: { SIGNET_JOIN_TOKEN: token },
    });
  }

  it('says what to do while there is no host, and shows hosts as they come', async () => {
    await page.goto(`${gateway.adminUrl}/console`);
    await page.getByText('No host yet').waitFor();
    await bindHosts(admin, ca, 'http://10.0.0.5:3000', usualHosts());
    await page.getByRole('option', { name: 'cdn.atlas.example' }).waitFor();
  }, 60_000);

  it('lists hosts with what they serve, and finds one by a part of its name', async () => {
    await page.goto(`${gateway.adminUrl}/console`);
    await page.getByRole('option', { name: host }).waitFor();
    await look('hosts');
    await page.keyboard.press('/');
    await page.keyboard.type('login.emb');
    await page.getByText('1 host found').waitFor();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'login.ember.example' }).waitFor();
    await page.getByText('2 of 2 nodes').waitFor();
  });

  it('filters by when certificates end', async () => {
    await page.getByRole('link', { name: 'Hosts', exact: true }).click();
    await page.getByRole('button', { name: /^Expired: 1 host/ }).click();
    await page.getByText('1 host found').waitFor();
    await page.getByText('ended 3 days ago').waitFor();
  });

  it('tells the history of a host, to be followed by its address', async () => {
    await page.goto(`${gateway.adminUrl}/console/hosts/${host}`);
    await page.getByText('Certificate bound').waitFor();
    await page.getByText('API added').waitFor();
    expect(await page.locator('.step').count()).toBe(2);
  });

  it('changes nothing before somebody allows it', async () => {
    await page.getByRole('button', { name: 'Replace certificate' }).click();
    const dialog = page.getByRole('dialog', { name: 'Allow changes' });
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Replace certificate' }).click();
    await dialog.getByRole('button', { name: 'Allow changes' }).click();
    await page.getByRole('dialog', { name: 'Replace the certificate' }).waitFor();
  });

  it('shows what is wrong with a pair before anything is sent for keeping', async () => {
    const before = await revision();
    replacement = await ca.issue([host, '*.atlas.example'], { days: 84, ageDays: 6 });
    const { key: another } = await ca.issue([host]);
    const input = page.locator('input[type=file]');
    await input.setInputFiles([file('chain.pem', replacement.cert), file('key.pem', another)]);
    await page.getByText('Invalid SSL certificate key').waitFor();
    const replace = page.getByRole('button', { name: 'Replace', exact: true });
    expect(await replace.isDisabled()).toBe(true);
    await input.setInputFiles([file('key.pem', replacement.key)]);
    await page.getByText('the key belongs to its leaf').waitFor();
    await look('upload');
    expect(await revision()).toBe(before);
  });

  it('uploads a pair, which the next handshake shows', async () => {
    original = await shownLeaf(gateway.tlsPort, host);
    await page.getByRole('button', { name: 'Replace', exact: true }).click();
    await page.getByText('Every node (2) proved to serve it').waitFor();
    expect(await shownLeaf(gateway.tlsPort, host)).toBe(replacement.fingerprint256);
    expect(await shownLeaf(node.tlsPort, host)).toBe(replacement.fingerprint256);
    await page.getByRole('button', { name: 'Close', exact: true }).last().click();
    await page.getByText('Certificate replaced').waitFor();
    await page.getByRole('definition').getByText('*.atlas.example').first().waitFor();
    await look('host');
  });

  it('rolls back after showing what that does', async () => {
    const bound = page.locator('.step', { hasText: 'Certificate bound' });
    await bound.getByRole('button', { name: 'Roll back to this' }).click();
    const report = page.getByTestId('dry-run');
    await report.waitFor();
    const sides = await report.locator('.side code').allTextContents();
    expect(sides.map((text) => text.slice(0, 8))).toEqual([
      replacement.fingerprint256.slice(0, 8),
      original.slice(0, 8),
    ]);
    expect(await shownLeaf(gateway.tlsPort, host)).toBe(replacement.fingerprint256);
    await look('rollback');
    await page.getByRole('button', { name: 'Roll back', exact: true }).click();
    await page.getByText('Every node (2) proved to serve it').waitFor();
    expect(await shownLeaf(gateway.tlsPort, host)).toBe(original);
    expect(await shownLeaf(node.tlsPort, host)).toBe(original);
    await page.getByRole('button', { name: 'Close', exact: true }).last().click();
  });

  it('takes files that are dropped on the page', async () => {
    const transfer = await page.evaluateHandle(dropped([replacement.cert, replacement.key]));
    await page.dispatchEvent('main', 'drop', { dataTransfer: transfer });
    await page.getByText('the key belongs to its leaf').waitFor();
    await page.keyboard.press('Escape');
    await page.getByTestId('dry-run').waitFor({ state: 'detached' });
  });

  it('shows changes as they happen, made by whomever', async () => {
    await page.getByRole('link', { name: 'Hosts', exact: true }).click();
    await page.getByRole('option', { name: host }).waitFor();
    await admin.addApi('newcomer', 'aaa.newcomer.example', upstream.url);
    await page.getByRole('option', { name: 'aaa.newcomer.example' }).waitFor();
  });

  it('shows the nodes with what they serve, and one that goes', async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('n');
    const second = page.getByTestId('node-edge-2');
    await second.getByText('Up to date').waitFor();
    expect(await second.locator('.lag').textContent()).toBe('0');
    await page.getByRole('button', { name: 'Dark colours' }).click();
    await look('nodes-dark');
    const served = await second.locator('.revision').textContent();
    await admin.addApi('later', 'later.example', upstream.url);
    await eventually(async () =>
      expect(await second.locator('.revision').textContent()).not.toBe(served),
    );
    await node.kill();
    await second.getByText('Not connected').waitFor();
  });

  it('shows the admin API as it describes itself', async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('r');
    await page.getByRole('heading', { name: 'Admin API' }).waitFor();
    const operation = page.locator('details', { hasText: 'POST/apis/{api}/plugins' }).first();
    await operation.locator('summary').click();
    await operation.getByText('config.cert', { exact: true }).first().waitFor();
    await operation.getByText('dry_run', { exact: true }).first().waitFor();
  });

  it('asks for a token once there is one, and forgets it with the page', async () => {
    const { body } = await admin.send(
      'POST',
      '/tokens',
      new URLSearchParams({ name: 'reader', scopes: 'read,events' }),
    );
    const { token } = body as { readonly token: string };
    await page.goto(`${gateway.adminUrl}/console/hosts/${host}`);
    await page.getByText('asks for a token').waitFor();
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('Certificate replaced').first().waitFor();
    // It may only read: a change asks for another token.
    await page.getByRole('button', { name: 'Replace certificate' }).click();
    await page.getByLabel('Token with the scope write').waitFor();
    const kept = await page.evaluate<string>(
      'JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }])',
    );
    expect(kept).toBe('["",{},{}]');
    await page.reload();
    await page.getByText('asks for a token').waitFor();
  });

  it('complained of nothing meanwhile but of what it was refused', () => {
    // The first token ends streams that were opened without one.
    const expected = /status of 40[01]|ERR_INCOMPLETE_CHUNKED_ENCODING/;
    expect(complaints.filter((text) => !expected.test(text))).toEqual([]);
  });
});

function file(name: string, text: string) {
  return { name, mimeType: 'application/x-pem-file', buffer: Buffer.from(text) };
}

/** Run in the page, where a drop's files come from. */
function dropped(texts: readonly string[]): string {
  return `(() => {
    const transfer = new DataTransfer();
    for (const text of ${JSON.stringify(texts)}) transfer.items.add(new File([text], 'dropped.pem'));
    return transfer;
  })()`;
}
