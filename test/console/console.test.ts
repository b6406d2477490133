import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminClient } from '../support/admin-client.js';
import { EchoUpstream } from '../support/echo-upstream.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { TestCa } from '../support/test-ca.js';
import { chromiumPath, launchBrowser, withoutChromium } from './support/browser.js';
import { bindHosts, usualHosts } from './support/fleet.js';

if (chromiumPath === undefined) console.warn(`test/console: left out, ${withoutChromium}`);

/** The console in a real browser, against the built all-in-one. */
describe.skipIf(chromiumPath === undefined)('the console', () => {
  const directory = new ScratchDirectory();
  let gateway: GatewayProcess;
  let upstream: EchoUpstream;
  let browser: Browser;
  let page: Page;
  let ca: TestCa;
  let admin: AdminClient;
  const complaints: string[] = [];

  beforeAll(async () => {
    ca = await TestCa.create();
    upstream = await EchoUpstream.start();
    gateway = await GatewayProcess.start({
      dataDir: directory.path('data'),
      flags: ['--workers', '1'],
    });
    admin = new AdminClient(gateway.adminUrl);
    await bindHosts(admin, ca, upstream.url, usualHosts());
    browser = await launchBrowser();
    page = await browser.newPage({ viewport: { width: 1280, height: 800 }, deviceScaleFactor: 2 });
    page.on('console', (message) => {
      if (message.type() !== 'info') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.kill();
    await upstream?.close();
    await directory.remove();
  });

  it('lists hosts with what they serve, and finds one by a part of its name', async () => {
    await page.goto(`${gateway.adminUrl}/console`);
    await page.getByRole('option', { name: 'api.atlas.example' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('login.emb');
    await page.getByText('1 host found').waitFor();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'login.ember.example' }).waitFor();
    await page.getByText('1 of 1 node').waitFor();
  });

  it('tells the history of a host', async () => {
    await page.getByText('Certificate bound').waitFor();
    await page.getByText('API added').waitFor();
    expect(await page.locator('.step').count()).toBe(2);
  });

  it('shows the nodes with what they serve', async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('n');
    await page.getByText('Up to date').waitFor();
    expect(await page.locator('.node .lag').textContent()).toBe('0');
  });

  it('complains of nothing meanwhile, neither of its policy nor of itself', () => {
    expect(complaints).toEqual([]);
  });
});
