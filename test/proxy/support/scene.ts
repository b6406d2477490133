import type { TlsOptions } from 'node:tls';
import { afterAll, afterEach } from 'vitest';
import { TestGateway } from './gateway.js';
import type { GatewayProcessOptions } from './gateway-process.js';
import { RawClient } from './raw-client.js';
import { type Behaviour, RawUpstream } from './raw-upstream.js';

/**
 * Gateways, upstreams and clients of one test. All but the gateways are closed after it, in reverse
 * order; a gateway's process serves the next test that wants the same options.
 */
export interface Scene {
  gateway(options: GatewayProcessOptions): Promise<TestGateway>;
  /** A string or buffer is what every request is answered with. */
  upstream(behaviour: Behaviour | string | Buffer, tls?: TlsOptions): Promise<RawUpstream>;
  client(port: number): Promise<RawClient>;
  tlsClient(port: number, servername: string): Promise<RawClient>;
}

/** To be called once per file. */
export function useScene(): Scene {
  const opened: { close(): Promise<void> | void }[] = [];
  const keep = <T extends { close(): Promise<void> | void }>(item: T): T => {
    opened.push(item);
    return item;
  };
  const idle = new Map<string, TestGateway>();
  const inUse = new Map<TestGateway, string>();
  afterEach(async () => {
    for (const item of opened.splice(0).reverse()) await item.close();
    for (const [gateway, key] of inUse) {
      if (gateway.isReusable && !idle.has(key)) idle.set(key, gateway);
      else await gateway.close();
    }
    inUse.clear();
  });
  afterAll(async () => {
    for (const gateway of idle.values()) await gateway.close();
    idle.clear();
  });
  return {
    gateway: async ({ apis, ...options }) => {
      const key = JSON.stringify(options);
      const known = idle.get(key);
      idle.delete(key);
      const gateway = known ?? (await TestGateway.start({ apis, ...options }));
      inUse.set(gateway, key);
      if (known !== undefined) await gateway.serve(apis);
      return gateway;
    },
    upstream: async (behaviour, tls) =>
      keep(
        await (typeof behaviour === 'function'
          ? RawUpstream.start(behaviour, tls)
          : RawUpstream.answering(behaviour)),
      ),
    client: async (port) => keep(await RawClient.plain(port)),
    tlsClient: async (port, servername) => keep(await RawClient.tls(port, servername)),
  };
}

/** Answers each complete request head of a connection with what `answer` says for it. */
export function answering(answer: (head: string, index: number) => string | Buffer): Behaviour {
  return () => {
    let answered = 0;
    return ({ socket, received }) => {
      const heads = received().split('\r\n\r\n').slice(0, -1);
      for (; answered < heads.length; answered++) {
        const data = answer(heads[answered] ?? '', answered);
        if (data.length > 0) socket.write(data, 'latin1');
      }
    };
  };
}
