import { afterEach, expect, it } from 'vitest';
import { defaultProxyLimits } from '../../data-plane/proxy/proxy-limits.js';
import { UpstreamClient } from '../../data-plane/proxy/upstream/upstream-client.js';
import type { UpstreamConnection } from '../../data-plane/proxy/upstream/upstream-connection.js';
import type { UpstreamReceiver } from '../../data-plane/proxy/upstream/upstream-receiver.js';
import { compileUpstream } from '../../data-plane/routing/upstream-target.js';
import { RawUpstream } from './support/raw-upstream.js';

const opened: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** Takes one response; stops reading at each piece of it, as for a client that takes no more. */
function receiver(connection: UpstreamConnection, complete: () => void): UpstreamReceiver {
  const unused = () => undefined;
  return {
    batch: (events) => events(),
    head: unused,
    body: () => connection.pauseReading(),
    settled: unused,
    complete,
    upgraded: unused,
    drained: unused,
    failed: unused,
  };
}

it('a connection that was told to stop reading at the last byte reads the next response', async () => {
  const up = await RawUpstream.answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  opened.push(() => up.close());
  const client = new UpstreamClient({
    limits: defaultProxyLimits,
    now: () => performance.now(),
    observer: { ejected: () => undefined, returned: () => undefined },
  });
  opened.push(() => client.close());
  const target = compileUpstream({ upstreamUrl: up.url });
  if (target === undefined) throw new Error('no target');
  for (let turn = 0; turn < 3; turn++) {
    await new Promise<void>((resolve, reject) => {
      client.poolFor(target).acquire(
        {
          connected: (connection) => {
            connection.begin(receiver(connection, resolve), { toHead: false, toUpgrade: false });
            connection.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
            connection.endRequest();
          },
          unconnected: ({ detail }) => reject(new Error(detail)),
        },
        false,
      );
    });
  }
  expect(up.sides.length).toBe(1);
});
