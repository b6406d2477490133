import { describe, expect, it, onTestFinished } from 'vitest';
import { type AdminUnderTest, startAdmin } from '../support/admin-server.js';
import { makePairs } from '../support/pairs.js';

const { a, b } = makePairs();
const upstream_url = 'http://127.0.0.1:9000';

/** An API `x` with a plugin, rotated once: revisions 0 to 4. */
async function tell(admin: AdminUnderTest): Promise<{ pluginPath: string }> {
  await admin.send('POST', '/apis', { name: 'x', request_host: 'A.test', upstream_url });
  const ssl = { name: 'ssl', config: { cert: a.cert, key: a.key } };
  const plugin = await admin.send('POST', '/apis/x/plugins', ssl);
  const pluginPath = `/apis/x/plugins/${plugin.json['id']}`;
  await admin.send('PATCH', pluginPath, { config: { cert: b.cert, key: b.key } });
  return { pluginPath };
}

/** Reads server-sent events until `count` came, then hangs up. */
async function readStream(
  url: string,
  count: number,
  headers: Record<string, string> = {},
): Promise<{ id: number; event: string; data: Record<string, unknown> }[]> {
  const hangUp = new AbortController();
  onTestFinished(() => hangUp.abort());
  const response = await fetch(url, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: hangUp.signal,
  });
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const events = [];
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString('utf8');
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) {
      const [, id, event, data] = /^id: (\d+)\nevent: (\w+)\ndata: (.*)$/.exec(frame) ?? [];
      if (data !== undefined)
        events.push({ id: Number(id), event: event ?? '', data: JSON.parse(data) });
    }
    if (events.length >= count) break;
  }
  hangUp.abort();
  return events;
}

describe('GET /events', () => {
  it('lists what was recorded, with who and when, and no secret', async () => {
    const admin = await startAdmin();
    await tell(admin);
    const got = await admin.send('GET', '/events');
    expect(got.json['head']).toBe(4);
    const events = Object.values(got.json['data'] ?? {});
    expect(events.map((each) => each['type'])).toEqual([
      ...['ApiAdded', 'CertUploaded', 'PluginAdded', 'CertUploaded', 'PluginUpdated'],
    ]);
    expect(events[0]).toMatchObject({
      revision: 0,
      actor: 'tester',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      data: { api: { name: 'x', request_host: 'A.test' } },
    });
    expect(events[1]?.['correlation_id']).toBe(events[2]?.['correlation_id']);
    expect(got.text).not.toContain('PRIVATE KEY');
    expect(got.text).not.toContain(a.key.split('\n')[1]);
  });

  it('filters by type, api, host and actor', async () => {
    const admin = await startAdmin();
    await tell(admin);
    await admin.send('POST', '/apis', { name: 'y', request_host: 'y.test', upstream_url });
    const revisions = async (query: string) => {
      const { json } = await admin.send('GET', `/events?${query}`);
      return Object.values(json['data'] ?? {}).map((each) => each['revision']);
    };
    expect(await revisions('type=CertUploaded')).toEqual([1, 3]);
    expect(await revisions('api=y')).toEqual([5]);
    expect(await revisions('host=a.TEST')).toEqual([0, 1, 2, 3, 4]);
    expect(await revisions('host=y.test&type=ApiAdded')).toEqual([5]);
    expect(await revisions('actor=nobody')).toEqual([]);
    expect(await revisions('after=3')).toEqual([4, 5]);
    expect(await revisions('order=desc&limit=2')).toEqual([5, 4]);
  });

  it('goes through pages in both directions', async () => {
    const admin = await startAdmin();
    await tell(admin);
    for (const [order, expected] of [
      ['asc', [0, 1, 2, 3, 4]],
      ['desc', [4, 3, 2, 1, 0]],
    ] as const) {
      const seen: unknown[] = [];
      let path: string | undefined = `/events?limit=2&order=${order}`;
      while (path !== undefined) {
        const { json } = await admin.send('GET', path);
        seen.push(...Object.values(json['data'] ?? {}).map((each) => each['revision']));
        path =
          json['next'] === undefined ? undefined : String(json['next']).slice(admin.url.length);
      }
      expect(seen).toEqual(expected);
    }
  });

  it('refuses bad parameters with problem details', async () => {
    const admin = await startAdmin();
    for (const query of ['after=x', 'limit=0', 'type=Foo', 'api=none', 'order=up']) {
      const got = await admin.send('GET', `/events?${query}`);
      expect(got.status, query).toBe(400);
      expect(got.headers.get('content-type')).toBe('application/problem+json');
      expect(got.json).toMatchObject({
        type: 'urn:signet:problem:bad-parameter',
        title: 'Bad Request',
        status: 400,
      });
    }
    const method = await admin.send('POST', '/events', {});
    expect([method.status, method.json['title']]).toEqual([405, 'Method Not Allowed']);
  });
});

describe('GET /events as a stream', () => {
  it('tells the past, then goes on live; each event once and in order', async () => {
    const admin = await startAdmin();
    await tell(admin);
    const reading = readStream(`${admin.url}/events?after=start`, 8);
    for (const n of [1, 2, 3]) {
      await admin.send('POST', '/apis', {
        name: `n${n}`,
        request_host: `n${n}.test`,
        upstream_url,
      });
    }
    const events = await reading;
    expect(events.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(events[7]).toMatchObject({ event: 'ApiAdded', data: { revision: 7, actor: 'tester' } });
  });

  it('resumes after Last-Event-ID', async () => {
    const admin = await startAdmin();
    await tell(admin);
    const events = await readStream(`${admin.url}/events?after=start`, 2, { 'last-event-id': '2' });
    expect(events.map(({ id }) => id)).toEqual([3, 4]);
  });

  it('filters', async () => {
    const admin = await startAdmin();
    await tell(admin);
    const reading = readStream(`${admin.url}/events?after=start&type=ApiAdded`, 2);
    await admin.send('POST', '/apis', { name: 'y', request_host: 'y.test', upstream_url });
    expect((await reading).map(({ id }) => id)).toEqual([0, 5]);
  });

  it('ends when the server closes', async () => {
    const admin = await startAdmin();
    await tell(admin);
    const reading = readStream(`${admin.url}/events?after=start`, 100);
    await readStream(`${admin.url}/events?after=start`, 1);
    await admin.close();
    expect((await reading).length).toBe(5);
  });

  it('carries thousands of events to a client that reads', async () => {
    const admin = await startAdmin();
    const writes = Array.from({ length: 1000 }, (_, n) =>
      admin.plane.handler.execute(
        {
          type: 'AddApi',
          id: `7b0bb1f5-5d1c-4a1e-8a4a-${n.toString().padStart(12, '0')}` as never,
          createdAt: n,
          settings: {
            name: `n${n}`,
            requestHost: `n${n}.test`,
            upstreamUrl: upstream_url,
            stripRequestPath: false,
            preserveHost: false,
          },
        },
        { actor: 'tester', correlationId: 'c' },
      ),
    );
    const events = await readStream(`${admin.url}/events?after=start`, 1000);
    await Promise.all(writes);
    expect(events.map(({ id }) => id)).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });
});
