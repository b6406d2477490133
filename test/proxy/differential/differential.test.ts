import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accepts, freePort, Nginx } from '../../../load-tests/support/nginx.js';
import { isInstalled } from '../../support/is-installed.js';
import { TestGateway } from '../support/gateway.js';
import { type Contender, gist, type Outcome, play } from './contender.js';
import { corpus } from './corpus.js';
import { explain, idleRows } from './differences.js';
import { Recorder } from './recorder.js';

const hasNginx = isInstalled('nginx');
const hasHaproxy = isInstalled('haproxy');
const concurrency = 12;

let directory: string;
let gateway: TestGateway;
let nginx: Nginx | undefined;
let haproxy: ChildProcess | undefined;
const contenders: Contender[] = [];
const outcomes = new Map<Contender['name'], readonly Outcome[]>();

async function recorder(): Promise<Recorder> {
  const started = new Recorder();
  await started.start();
  return started;
}

async function startNginx(): Promise<void> {
  const upstream = await recorder();
  nginx = await Nginx.start(join(directory, 'nginx'), (port) => {
    return `upstream up { server 127.0.0.1:${upstream.port}; keepalive 8; }
      server { listen 127.0.0.1:${port}; server_name redirect.test;
        return 308 https://redirect.test:8443$request_uri; }
      server { listen 127.0.0.1:${port} default_server; location / { proxy_pass http://up;
        proxy_http_version 1.1; proxy_set_header Connection ""; } }`;
  });
  contenders.push({ name: 'nginx', port: nginx.port, recorder: upstream });
}

async function startHaproxy(): Promise<void> {
  const upstream = await recorder();
  const port = await freePort();
  const file = join(directory, 'haproxy.cfg');
  writeFileSync(
    file,
    `defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n` +
      `frontend f\n bind 127.0.0.1:${port}\n default_backend b\n` +
      ` http-request redirect prefix https://redirect.test:8443 code 308 if { hdr(host) -i redirect.test redirect.test:80 }\n` +
      `backend b\n server s 127.0.0.1:${upstream.port}\n`,
  );
  haproxy = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' });
  for (let attempt = 0; !(await accepts(port)); attempt++) {
    if (attempt > 200) throw new Error('haproxy did not start');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  contenders.push({ name: 'haproxy', port, recorder: upstream });
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'signet-differential-'));
  const upstream = await recorder();
  gateway = await TestGateway.start({
    apis: [
      { path: '/', upstream: `http://127.0.0.1:${upstream.port}` },
      {
        host: 'redirect.test',
        upstream: 'http://127.0.0.1:1',
        ssl: { onlyHttps: true, httpsRedirectStatusCode: 308 },
      },
    ],
  });
  contenders.push({ name: 'signet', port: gateway.httpPort, recorder: upstream });
  if (hasNginx) await startNginx();
  if (hasHaproxy) await startHaproxy();
  const playAll = async (contender: Contender) => {
    const results: Outcome[] = [];
    let next = 0;
    const worker = async () => {
      for (let id = next++; id < corpus.length; id = next++) {
        const item = corpus[id];
        if (item !== undefined) results[id] = await play(contender, item, id);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    outcomes.set(contender.name, results);
  };
  await Promise.all(contenders.map(playAll));
}, 120_000);

afterAll(async () => {
  await gateway.close();
  await nginx?.stop();
  if (haproxy !== undefined) {
    const exited = new Promise((resolve) => haproxy?.once('exit', resolve));
    haproxy.kill('SIGTERM');
    await exited;
  }
  for (const contender of contenders) await contender.recorder.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('the corpus', () => {
  it('has at least 300 cases', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(300);
  });

  it('reaches the upstream only as requests that can be read in one way', () => {
    expect(contenders.find(({ name }) => name === 'signet')?.recorder.faults).toEqual([]);
  });

  it('never carries a hidden request through', () => {
    const hidden = outcomes.get('signet')?.flatMap(({ upstream }, id) => {
      return upstream.some((request) => request.includes('smuggled')) ? [corpus[id]?.name] : [];
    });
    // Behind a complete request stands another one: an engine that takes no pipelining closes both.
    expect(hidden).toEqual([]);
  });

  it('is forwarded with a body only where its length can be read in one way', () => {
    const forwarded = outcomes.get('signet')?.flatMap(({ upstream }, id) => {
      const name = corpus[id]?.name ?? '';
      return name.startsWith('nothing behind: ') && upstream.length > 0 ? [name.slice(16)] : [];
    });
    expect(forwarded).toEqual([
      ...['length none, coding none', 'length none, coding chunked', 'length none, coding CHUNKED'],
      ...['length 5, coding none', 'length 05, coding none', 'length 0, coding none'],
      ...['length tab before value, coding none', 'length upper case, coding none'],
      // No field of framing at all.
      ...['length underscore, coding none', 'length underscore, coding chunked'],
    ]);
  });

  it('is redirected to the host that was asked for, at the TLS port, or nowhere', () => {
    const locations = outcomes.get('signet')?.flatMap(({ location }) => location ?? []);
    expect(locations?.length).toBeGreaterThan(20);
    for (const location of locations ?? []) {
      expect(location).toMatch(/^https:\/\/redirect\.test:8443\//);
    }
  });

  for (const other of ['nginx', 'haproxy'] as const) {
    const has = other === 'nginx' ? hasNginx : hasHaproxy;
    it.runIf(has)(`differs from ${other} only as explained`, () => {
      const unexplained: string[] = [];
      for (const [id, { name }] of corpus.entries()) {
        const ours = outcomes.get('signet')?.[id];
        const theirs = outcomes.get(other)?.[id];
        if (ours === undefined || theirs === undefined) throw new Error(`no outcome of ${name}`);
        if (gist(ours) === gist(theirs)) continue;
        if (explain(name, gist(ours)) !== undefined) continue;
        unexplained.push(
          `${name}\n  signet: ${gist(ours)} ${ours.status}\n  ${other}: ${gist(theirs)} ${theirs.status}`,
        );
      }
      expect(unexplained.join('\n')).toBe('');
    });
    if (!has) console.warn(`${other} is not installed: the corpus is not compared with it`);
  }

  it('comes to every one of the explanations', () => {
    expect(idleRows(corpus.map(({ name }) => name))).toEqual([]);
  });
});
