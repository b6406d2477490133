import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessLine, accessTime } from '../../data-plane/access-log/access-line.js';
import type { AccessEntry } from '../../data-plane/access-log/access-log.js';
import { AdminClient } from '../support/admin-client.js';
import { curl } from '../support/curl.js';
import { EchoUpstream } from '../support/echo-upstream.js';
import { eventually } from '../support/eventually.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { ScratchDirectory } from '../support/scratch-directory.js';

const entry: AccessEntry = {
  ...{ client: '192.0.2.1', scheme: 'https', method: 'GET', host: 'a.test', path: '/x' },
  ...{ status: 200, durationMs: 1.23456, api: 'a', requestId: 'r-1', traceId: undefined },
};
const at = new Date('2026-03-04T05:06:07.089Z');

describe('accessLine', () => {
  it('writes one JSON object a line', () => {
    expect(accessLine('json', entry, accessTime('json', at))).toBe(
      '{"time":"2026-03-04T05:06:07.089Z","client":"192.0.2.1","scheme":"https","method":"GET","host":"a.test","path":"/x","status":200,"api":"a","requestId":"r-1","durationMs":1.235}\n',
    );
  });

  it('leaves nothing out and quotes what JSON wants quoted', () => {
    const odd = { ...entry, host: '"\\', path: '/\u0001é', api: 'a "b"', traceId: 'c0ffee' };
    const time = accessTime('json', at);
    expect(JSON.parse(accessLine('json', odd, time))).toEqual({ time, ...odd, durationMs: 1.235 });
  });

  it('is ASCII, so that a batch is filled by copying', () => {
    const odd = { ...entry, host: 'bücher.test', path: '/\u0001€\ud83d\ude00\ud800' };
    const time = accessTime('json', at);
    const line = accessLine('json', odd, time);
    expect(line).toMatch(/^[ -~]*\n$/);
    expect(JSON.parse(line)).toMatchObject({ host: odd.host, path: odd.path });
  });

  it('tells durations to the microsecond', () => {
    const durations = [0, 0.0004, 0.04, 1.5, 999.9996, 60_000.02];
    const lines = durations.map((durationMs) => accessLine('json', { ...entry, durationMs }, ''));
    expect(lines.map((line) => JSON.parse(line).durationMs)).toEqual([
      ...[0, 0, 0.04, 1.5, 1000, 60_000.02],
    ]);
  });

  it('writes the combined format', () => {
    expect(accessLine('combined', entry, accessTime('combined', at))).toBe(
      '192.0.2.1 - - [04/Mar/2026:05:06:07 +0000] "GET /x HTTP/1.1" 200 - "-" "-"\n',
    );
  });

  it('lets no client forge what follows in the line', () => {
    const path = '/" 200 - "-" "-"\n192.0.2.9 - - [';
    for (const format of ['json', 'combined'] as const) {
      expect(
        accessLine(format, { ...entry, path }, accessTime(format, at)).match(/\n/g),
      ).toHaveLength(1);
    }
    expect(
      accessLine('combined', { ...entry, path }, accessTime('combined', at)).match(/"/g),
    ).toHaveLength(6);
  });
});

describe('the access log', () => {
  const directory = new ScratchDirectory();
  let upstream: EchoUpstream;
  let gateway: GatewayProcess;
  let file: string;

  beforeAll(async () => {
    upstream = await EchoUpstream.start();
    file = join(directory.path('logs'), 'access.log');
    gateway = await GatewayProcess.start({
      dataDir: directory.path('data'),
      flags: ['--workers', '1', '--access-log-path', file],
    });
  });
  afterAll(async () => {
    await gateway.kill();
    await upstream.close();
    await directory.remove();
  });

  it('holds what was answered, without query strings', async () => {
    const admin = new AdminClient(gateway.adminUrl);
    await admin.addApi('a', 'a.test', upstream.url);
    const url = `http://127.0.0.1:${gateway.httpPort}`;
    await eventually(async () => {
      expect((await curl('-H', 'Host: a.test', `${url}/x?token=c2VjcmV0`)).status).toBe(200);
    });
    await curl('-H', 'Host: nobody.test', `${url}/y`);
    expect(await gateway.stop()).toBe(0);

    const text = await readFile(file, 'utf8');
    // What came before the node had heard of the API was answered 404.
    const lines: readonly AccessEntry[] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.findLast(({ path }) => path === '/x')).toMatchObject({
      ...{ client: '127.0.0.1', scheme: 'http', method: 'GET', host: 'a.test' },
      ...{ status: 200, api: 'a' },
    });
    expect(lines.find(({ path }) => path === '/y')).toMatchObject({ status: 404 });
    expect(lines.every(({ durationMs }) => durationMs > 0)).toBe(true);
    expect(text).not.toContain('c2VjcmV0');
  });
});
