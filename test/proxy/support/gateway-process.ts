import uws from 'uWebSockets.js';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { BroadcastChannel } from 'node:worker_threads';
import { FileAccessLog } from '../../../data-plane/access-log/file-access-log.js';
import { SolePeer } from '../../../data-plane/listener/sole-peer.js';
import { RequestMeter } from '../../../data-plane/metrics/request-meter.js';
import { Gateway } from '../../../data-plane/proxy/gateway.js';
import type { ProxyLimits } from '../../../data-plane/proxy/proxy-limits.js';
import { trustOnly } from '../../../data-plane/proxy/trusted-proxies.js';
import { WebSocketRoute } from '../../../data-plane/proxy/web-socket/web-socket-route.js';
import { RouteTable } from '../../../data-plane/routing/route-table.js';
import type { Logger } from '../../../shared/logger.js';
import { type ApiSpec, MemoryStore } from './memory-store.js';

/** What a test tells the process that runs its gateway, as JSON in the first argument. */
export interface GatewayProcessOptions {
  readonly apis: readonly ApiSpec[];
  readonly limits?: Partial<ProxyLimits>;
  readonly trustedIps?: readonly string[];
  readonly refuseMisdirected?: boolean;
  readonly httpsPort?: number;
  /** What the listeners say of every connection. */
  readonly serverName?: string;
  readonly upstreamTls?: { readonly verify: boolean; readonly ca?: string };
  /** Records every request in this file. */
  readonly accessLogFile?: string;
  /** Counts requests and has the counts read every second, as a node does. */
  readonly metrics?: boolean;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

const options: GatewayProcessOptions = JSON.parse(process.argv[2] ?? '{"apis":[]}');
const report = (message: object) => {
  // A test that has ended listens no more.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
};

function forwardingLogger(bound: Record<string, unknown>): Logger {
  const log = (level: string) => (fields: object, message: string) =>
    report({ type: 'log', level, message, fields: { ...bound, ...fields } });
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (fields) => forwardingLogger({ ...bound, ...fields }),
  };
}

/** What a worker's metrics are, and what a node asks it for. */
function measuredAsByANode(): RequestMeter {
  const requests = new RequestMeter();
  const loopDelay = monitorEventLoopDelay({ resolution: 20 });
  loopDelay.enable();
  const post = new BroadcastChannel('metrics');
  post.unref();
  setInterval(() => {
    post.postMessage({ requests: requests.read(), eventLoopDelay: loopDelay.percentile(99) });
    loopDelay.reset();
  }, 1_000).unref();
  return requests;
}

const counters = {
  requestsTotal: 0,
  requestsActive: 0,
  upstreamFailures: 0,
  clientAborts: 0,
  endpointEjections: 0,
  endpointsEjected: 0,
};
let draining = false;
const accessLog =
  options.accessLogFile === undefined
    ? undefined
    : new FileAccessLog(
        { path: options.accessLogFile, format: 'json', percent: 100 },
        forwardingLogger({}),
      );
const meter = options.metrics === true ? measuredAsByANode() : undefined;
const store = new MemoryStore(options.apis);
const routes = new RouteTable(store);
const gateway = new Gateway({
  routes,
  logger: forwardingLogger({}),
  product: 'signet/0.0.0',
  counters,
  isDraining: () => draining,
  httpsPort: options.httpsPort ?? 8443,
  ...(accessLog === undefined ? {} : { accessLog }),
  ...(meter === undefined ? {} : { meter }),
  ...(options.limits === undefined ? {} : { limits: options.limits }),
  ...(options.trustedIps === undefined ? {} : { trustedProxies: trustOnly(options.trustedIps) }),
  ...(options.refuseMisdirected === undefined
    ? {}
    : { refuseMisdirected: options.refuseMisdirected }),
  ...(options.upstreamTls === undefined ? {} : { upstreamTls: options.upstreamTls }),
});

function listen(app: uws.TemplatedApp, scheme: 'http' | 'https'): number {
  let port = 0;
  const webSocket = new WebSocketRoute();
  const solePeer = new SolePeer();
  const downstream = {
    scheme,
    port: scheme === 'http' ? 8000 : 8443,
    serverName: options.serverName,
    solePeer,
    webSocket,
  };
  app.ws('/*', gateway.webSocketBehavior(webSocket, downstream));
  app.any('/*', (res, req) => gateway.handle(res, req, downstream));
  const track = (connection: uws.HttpResponse, change: number) => {
    // Of one that became a WebSocket the engine tells no end: then no address is forgotten, which does no harm.
    if (change > 0) solePeer.joined(connection);
    else solePeer.left();
  };
  app.filter((connection, change) => track(connection, Number(change)));
  app.listen('127.0.0.1', 0, (socket) => {
    if (socket === false) throw new Error('the gateway could not listen');
    port = uws.us_socket_local_port(socket);
  });
  return port;
}

const plain = uws.App();
const apps = [plain];
const httpPort = listen(plain, 'http');
let httpsPort = 0;
if (options.tls !== undefined) {
  const secure = uws.SSLApp({
    cert_file_name: options.tls.certFile,
    key_file_name: options.tls.keyFile,
  });
  apps.push(secure);
  httpsPort = listen(secure, 'https');
}
report({ type: 'listening', httpPort, httpsPort });

type Command =
  | { readonly type: 'apis'; readonly apis: readonly ApiSpec[] }
  | { readonly type: 'drain' | 'close-web-sockets' | 'counters' };

process.on('message', (message: Command) => {
  switch (message.type) {
    case 'apis':
      store.replace(message.apis);
      routes.refresh({ revision: store.revision(), hosts: 'all', patternsChanged: true });
      report({ type: 'serving' });
      break;
    case 'drain':
      draining = true;
      report({ type: 'draining' });
      break;
    case 'close-web-sockets':
      gateway.closeWebSockets();
      break;
    case 'counters':
      report({ type: 'counters', counters, rss: process.memoryUsage().rss });
      break;
  }
});
process.on('uncaughtException', (error) => {
  report({ type: 'crash', error: String(error.stack) });
  console.error(error);
  process.exitCode = 70;
  if (process.connected) process.disconnect();
});
process.on('disconnect', () => {
  for (const app of apps) app.close();
  gateway.close();
  accessLog?.close();
});
