import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Debian's, or whichever SIGNET_TEST_CHROMIUM names. */
const candidates = [
  process.env['SIGNET_TEST_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** `undefined` where there is none: suites that need one say so and are left out. */
export const chromiumPath = candidates.find((path) => path !== undefined && existsSync(path));

export const withoutChromium =
  'no Chromium here: apt-get install --no-install-recommends chromium, or set SIGNET_TEST_CHROMIUM';

/** A browser of its own, with a profile that is new and goes with it, that calls nobody. */
export function launchBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error(withoutChromium);
  return chromium.launch({
    executablePath: chromiumPath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
