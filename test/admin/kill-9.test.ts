import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { keysIn, openStores, startControlPlane } from '../support/control-plane.js';
import { makePairs } from '../support/pairs.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const victim = join(import.meta.dirname, '../../dist/test/support/admin-victim.js');
const { a } = makePairs();
const kills = 3;
const hostsPerKill = 15;

async function startVictim(directory: string) {
  const child = spawn(process.execPath, [victim, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [chunk] = await once(child.stdout, 'data');
  return { child, exited, url: `http://127.0.0.1:${String(chunk).trim()}` };
}

/** Adds an API and binds a certificate of its own chain text; `undefined` if the server died. */
async function upload(url: string, n: number): Promise<readonly string[] | undefined> {
  const send = async (path: string, body: object, key: string) => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
    });
    return `${response.status} ${await response.text()}`;
  };
  const api = { name: `n${n}`, request_host: `h${n}.test`, upstream_url: 'http://127.0.0.1:9' };
  const config = { cert: `upload ${n}\n${a.cert}`, key: a.key };
  try {
    return [
      await send('/apis', api, `api-${n}`),
      await send(`/apis/n${n}/plugins`, { name: 'ssl', config }, `plugin-${n}`),
    ];
  } catch {
    return undefined;
  }
}

it('a repeated Idempotency-Key gives the same answer and one event after kill -9, none half', {
  timeout: 90_000,
}, async () => {
  const directory = await temporaryDirectory();
  const answers = new Map<number, readonly string[]>();
  const repeatAll = async (url: string, upTo: number) => {
    const numbers = Array.from({ length: upTo }, (_, n) => n);
    return Promise.all(numbers.map(async (n) => [n, await upload(url, n)] as const));
  };
  for (let kill = 0; kill <= kills; kill++) {
    const { child, exited, url } = await startVictim(directory);
    const isLast = kill === kills;
    // Whatever was asked before is asked again, and the next hosts with it.
    const asking = repeatAll(url, Math.min(kill + 1, kills) * hostsPerKill);
    if (!isLast) {
      await delay(40 + ((kill * 61) % 120));
      child.kill('SIGKILL');
    }
    for (const [n, answer] of await asking) {
      if (answer === undefined) continue;
      expect(answer, `host ${n}`).toEqual(answers.get(n) ?? answer);
      answers.set(n, answer);
    }
    child.stdin.end();
    await exited;
  }
  expect(answers.size).toBe(kills * hostsPerKill);

  const { folded, vault } = await startControlPlane(await openStores(directory));
  const { apis, plugins, certificates } = folded.state;
  const count = kills * hostsPerKill;
  expect([apis.size, plugins.size, certificates.size]).toEqual([count, count, count]);
  expect(folded.head).toBe(3 * count - 1);
  const named = [...certificates.values()].map(({ keyId }) => keyId).sort();
  expect(await keysIn(vault)).toEqual(named);
  for (const answer of answers.values()) {
    expect(answer[0]).toMatch(/^201 /);
    expect(answer[1]).toMatch(/^201 /);
  }
});
