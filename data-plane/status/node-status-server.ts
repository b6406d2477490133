import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { ListenAddress } from '../../shared/listen-address.js';
import { nodeMetrics } from './node-metrics.js';
import { type NodeStatusSources, statusDocument } from './node-status.js';
import { openMetricsType } from './open-metrics.js';

export interface NodeStatusServerOptions extends NodeStatusSources {
  readonly listen: ListenAddress;
  readonly clock: () => number;
}

export interface NodeStatusServer {
  readonly address: ListenAddress;
  close(): Promise<void>;
}

const requestTimeoutMs = 5000;

/**
 * A node's own word on itself, for balancers and monitoring, with or without a control plane. It runs
 * in the supervisor, so it answers while a serving process is being replaced. Nothing in it is secret.
 */
export async function startNodeStatusServer(
  options: NodeStatusServerOptions,
): Promise<NodeStatusServer> {
  const server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405);
    switch (request.url) {
      case '/live':
        return answer(response, 200, { live: true });
      case '/ready': {
        const { ready } = options.health();
        return answer(response, ready ? 200 : 503, { ready });
      }
      case '/status':
        return answer(response, 200, statusDocument(options));
      case '/metrics':
        response.setHeader('content-type', openMetricsType);
        return void response.end(nodeMetrics(options, options.clock()));
      default:
        return answer(response, 404);
    }
  });
  server.listen(options.listen.port, options.listen.host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no TCP address');
  return {
    address: { host: options.listen.host, port: address.port },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(response: ServerResponse, status: number, body?: object): void {
  response.writeHead(status, body && { 'content-type': 'application/json; charset=utf-8' });
  response.end(body && JSON.stringify(body));
}
