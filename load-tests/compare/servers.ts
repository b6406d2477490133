import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstalled } from '../../test/support/is-installed.js';
import { shownTo } from '../support/handshake-driver.js';
import { startCaddy } from './caddy.js';
import type { Binding, Contender, StartContender } from './contender.js';
import { startHaproxy } from './haproxy.js';
import { startNginx } from './nginx.js';
import { startSignet } from './signet.js';

export const ours = 'Signet';

const starts: ReadonlyMap<string, StartContender> = new Map([
  [ours, startSignet],
  ['nginx', startNginx],
  ['HAProxy', startHaproxy],
  ['Caddy', startCaddy],
]);

export interface StartedContender extends Contender {
  /** From the start of its processes to the first handshake. */
  readonly readyMs: number;
}

export interface Field {
  readonly present: readonly string[];
  /** Whose program is not on the path. */
  readonly missing: readonly string[];
}

export function field(): Field {
  const names = [...starts.keys()];
  const missing = names.filter((name) => name !== ours && !isInstalled(name.toLowerCase()));
  return { present: names.filter((name) => !missing.includes(name)), missing };
}

/** Runs with a temporary directory that other users may pass through: nginx's workers read in it. */
export async function inScratch<Result>(run: (directory: string) => Promise<Result>) {
  const directory = mkdtempSync(join(tmpdir(), 'signet-compare-'));
  chmodSync(directory, 0o755);
  try {
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @returns a server that shows the last of `bindings` its certificate. */
export async function start(
  name: string,
  directory: string,
  bindings: readonly Binding[],
): Promise<StartedContender> {
  const starting = starts.get(name);
  if (starting === undefined) throw new RangeError(`no server is called ${name}`);
  const own = join(directory, name.toLowerCase());
  mkdirSync(own);
  const contender = await starting(own, bindings);
  const last = bindings.at(-1);
  if (last !== undefined) await untilShown(contender, last.host, last.certificate.fingerprint256);
  return { ...contender, readyMs: performance.now() - contender.startedAt };
}

/** Resolves when a handshake for `host` shows the leaf. */
export async function untilShown(
  { name, port, failure }: Contender,
  host: string,
  fingerprint256: string,
): Promise<void> {
  const deadline = performance.now() + 120_000;
  while ((await shownTo(port, host)) !== fingerprint256) {
    const why = failure() ?? (performance.now() > deadline ? 'it takes too long' : undefined);
    if (why !== undefined) throw new Error(`${name} does not serve ${host}: ${why}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
