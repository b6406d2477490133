import { fastify } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EventParser } from '../../console/src/api/server-sent-events.js';
import { addOverviewRoute } from '../../control-plane/admin-api/routes/overview.js';
import { HostDirectory } from '../../control-plane/projections/host-directory.js';
import {
  api,
  apiAdded,
  certificate,
  certUploaded,
  createdAt,
  plugin,
  pluginAdded,
} from '../support/gateway-fixtures.js';
import { MemoryControl } from '../support/memory-control.js';

async function start() {
  const control = new MemoryControl();
  const directory = new HostDirectory(control);
  const watchers = new Set<() => void>();
  const server = fastify();
  addOverviewRoute(server, {
    folded: control,
    clock: () => createdAt,
    registry: {
      nodes: () => [],
      watch: (watcher) => {
        watchers.add(watcher);
        return () => watchers.delete(watcher);
      },
    },
    feed: { head: undefined, neededFor: (revision) => revision },
    directory: () => directory,
  });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    // The client keeps a connection in store that never carried a request: nobody would end it.
    server.server.closeAllConnections();
    await server.close();
  });
  return { control, server, url, watchers };
}

describe('GET /overview', () => {
  it('counts hosts by the days that are left of their certificates', async () => {
    const { control, url } = await start();
    control.record(apiAdded(api(1)), apiAdded(api(2)));
    control.record(certUploaded(certificate(1)), pluginAdded(plugin(1, 1)));
    expect(await (await fetch(`${url}/overview`)).json()).toMatchObject({
      revision: 3,
      hosts: 2,
      without_certificate: 1,
      expiring: [[90, 1]],
      nodes: [],
    });
  });

  it('streams what it is now, then the latest after any number of changes', async () => {
    const { control, url, watchers } = await start();
    const stop = new AbortController();
    const headers = { accept: 'text/event-stream' };
    const { body } = await fetch(`${url}/overview`, { headers, signal: stop.signal });
    const reader = (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser();
    const next = async (): Promise<{ readonly hosts: number }> => {
      for (;;) {
        const { value = '' } = await reader.read();
        const [event] = parser.push(value);
        if (event !== undefined) return JSON.parse(event.data);
      }
    };
    expect((await next()).hosts).toBe(0);
    for (let n = 0; n < 50; n++) control.record(apiAdded(api(n)));
    expect((await next()).hosts).toBe(50);
    expect(watchers.size).toBe(1);
    stop.abort();
    await expect(reader.read()).rejects.toThrow();
    await expect.poll(() => watchers.size).toBe(0);
  });

  it('ends its streams when the server closes', async () => {
    const { server, url } = await start();
    const headers = { accept: 'text/event-stream' };
    const answer = await fetch(`${url}/overview`, { headers });
    const rest = answer.text();
    await server.close();
    expect(await rest).toContain('event: overview');
  });
});
