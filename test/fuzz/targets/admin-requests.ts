import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, METHODS, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GatewayProcess } from '../../support/gateway-process.js';
import type { FuzzTarget, PreparedTarget } from '../fuzz-target.js';
import { bytesOf, mutated, textOf } from '../mutations.js';

/** Method and target, then the body: what callers of the whole admin API send. */
const requests = [
  'GET /apis?size=10&offset=AAAA&name=a',
  'GET /apis/a/plugins?enabled=true',
  'GET /plugins/00000000-0000-4000-8000-000000000000',
  'GET /events?after=0&limit=5&host=a.test&type=ApiAdded',
  'GET /events?after=start&order=desc&api=a&actor=development&limit=1',
  'GET /state?revision=1&host=a.test',
  'GET /state?at=2026-06-01T00:00:00Z',
  'GET /hosts/a.test/certificate?revision=1',
  'GET /nodes/applied/1?scope=quorum&timeout_ms=10',
  'GET /nodes/n/served?host=a.test&at=1',
  'GET /metrics',
  'POST /rollback?dry_run=true\n{"revision":0,"host":"a.test"}',
  'POST /rollback?dry_run=true\n{"at":"2030-01-01T00:00:00Z","api":"a"}',
  'PUT /apis?dry_run=true\n{"id":"00000000-0000-4000-8000-000000000000","upstream_url":"http://u"}',
  'PATCH /apis/a?dry_run=true\n{"request_host":"b.test"}',
  'DELETE /apis/a?dry_run=true',
  'POST /certificates?dry_run=true\n{"certificates":[{"request_host":"a.test","config":{"cert":"c","key":"k"},"api":{"upstream_url":"http://u"}}]}',
  'DELETE /tokens/0123456789abcdef',
  'OPTIONS /apis',
];
const tokens = [
  '?dry_run=true',
  '&revision=-1',
  '&revision=99999999999999999999',
  '&after=9007199254740993',
  '&at=+010000-01-01T00:00:00Z',
  '&limit=1e9',
  '&size=NaN',
  '/apis/',
  '/events?',
  '%00',
  '%ff',
  '%2e%2e%2f',
  '[]',
];

/** The composition as it runs, in a process of its own; everything it answers is below 500. */
async function prepareGateway(): Promise<PreparedTarget> {
  const directory = mkdtempSync(join(tmpdir(), 'signet-fuzz-'));
  const gateway = await GatewayProcess.start({ command: 'control-plane', dataDir: directory });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const { hostname, port } = new URL(gateway.adminUrl);
  const send = (method: string, path: string, body: string) =>
    new Promise<number>((resolve, reject) => {
      const length = Buffer.byteLength(body);
      const headers = { 'content-type': 'application/json', 'content-length': length };
      const sent = request({ agent, hostname, port, method, path, headers }, (response) => {
        response.resume().once('close', () => resolve(response.statusCode ?? 0));
      });
      sent.once('error', reject).end(body);
    });
  await send(
    'POST',
    '/apis',
    '{"name":"a","request_host":"a.test","upstream_url":"http://127.0.0.1:9"}',
  );
  return {
    inputs: mutated(bytesOf(...requests), { tokens, maxBytes: 8_000 }),
    run: async (input) => {
      const [line = '', ...body] = textOf(input).split('\n');
      const [method = '', path = ''] = line.split(' ');
      // What no client can put into a request line is fuzzed elsewhere; a live stream has no end.
      if (!METHODS.includes(method) || !/^\/[\x21-\x7e]*$/.test(path)) return;
      if (/follow|live|CONNECT/i.test(line) || !mayRun(method, path)) return;
      let status = await send(method, path, body.join('\n'));
      for (; status === 429; status = await send(method, path, body.join('\n'))) {
        // Few bad requests are let in each second; one that is not let in has found out nothing.
        await delay(200);
      }
      if (status >= 500) throw new Error(`answered ${status}\n${gateway.log.slice(-2_000)}`);
    },
    dispose: async () => {
      agent.destroy();
      await gateway.kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Writes as dry runs, so that one case leaves nothing for the next. */
function mayRun(method: string, path: string): boolean {
  return ['GET', 'HEAD', 'OPTIONS'].includes(method) || path.includes('dry_run=true');
}

export const adminRequestTarget: FuzzTarget = {
  name: 'admin-requests',
  share: 2,
  prepare: prepareGateway,
};
