import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autocannon from 'autocannon';
import { TestGateway } from '../../test/proxy/support/gateway.js';
import { TlsFiles } from '../../test/proxy/support/tls-files.js';
import { Nginx } from './nginx.js';
import { threadsCpuUs } from './process-cpu.js';

const host = 'bench.test';

/** What we send both ways beside what the bench has nginx send in any case. */
const furtherFields = `proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Forwarded-Port $server_port;
  proxy_set_header Forwarded "for=$remote_addr;host=$host;proto=$scheme";
  proxy_set_header Via "1.1 nginx"; proxy_set_header X-Request-Id $request_id;
  add_header Via "1.1 nginx"; add_header X-Request-Id $request_id;
  add_header X-Kong-Upstream-Latency $upstream_response_time; add_header X-Kong-Proxy-Latency $request_time;`;

/** A proxy under test. */
export interface BenchedProxy {
  readonly name: string;
  readonly port: number;
  /** The process whose CPU time counts. */
  readonly pid: number;
}

export interface Traffic {
  readonly path: string;
  readonly connections: number;
  /** Requests a second altogether; as many as are answered if left out. */
  readonly rate?: number;
}

export interface Round {
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly p99Ms: number;
}

/**
 * nginx and several of our gateways, one thread each, with one certificate and one upstream (an nginx of
 * its own), to be loaded in turns.
 */
export class ProxyBench {
  readonly #directory: string;
  readonly #tls = new TlsFiles(`DNS:${host}`);
  readonly #closers: (() => Promise<void>)[] = [];
  #upstreamPort = 0;

  private constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), 'signet-proxy-bench-'));
    // nginx reads the files as another user.
    chmodSync(this.#directory, 0o755);
  }

  static async start(): Promise<ProxyBench> {
    const bench = new ProxyBench();
    const directory = bench.#directory;
    writeFileSync(join(directory, '64k'), Buffer.alloc(64 * 1024, 'x'));
    writeFileSync(join(directory, '10m'), Buffer.alloc(10 * 1024 * 1024, 'x'));
    const upstream = await Nginx.start(join(directory, 'upstream'), (port) => {
      return `server { listen 127.0.0.1:${port}; root ${directory}; sendfile on;
        location = /small { return 200 "a small answer of about sixty bytes, as an API would send it"; } }`;
    });
    bench.#upstreamPort = upstream.port;
    bench.#closers.push(() => upstream.stop());
    return bench;
  }

  /** @param hasOurFields it adds the fields that we add, not only those that every proxy needs. */
  async nginx(name: string, hasOurFields = false): Promise<BenchedProxy> {
    const { keyFile, certFile } = this.#tls;
    const nginx = await Nginx.start(join(this.#directory, name.replaceAll(' ', '-')), (port) => {
      return `upstream up { server 127.0.0.1:${this.#upstreamPort}; keepalive 64; keepalive_requests 100000000; }
        server { listen 127.0.0.1:${port} ssl; ssl_certificate ${certFile}; ssl_certificate_key ${keyFile};
          location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            ${hasOurFields ? furtherFields : ''} } }`;
    });
    this.#closers.push(() => nginx.stop());
    return { name, port: nginx.port, pid: nginx.workerPid };
  }

  async signet(
    name: string,
    options: { apis?: number; accessLog?: boolean; metrics?: boolean } = {},
  ): Promise<BenchedProxy> {
    const upstream = `http://127.0.0.1:${this.#upstreamPort}`;
    const gateway = await TestGateway.start({
      apis: [],
      tls: this.#tls,
      metrics: options.metrics ?? true,
      ...(options.accessLog === true ? { accessLogFile: join(this.#directory, 'access.log') } : {}),
    });
    this.#closers.push(() => gateway.close());
    const others = Array.from({ length: (options.apis ?? 1) - 1 }, (_, n) => {
      return { host: `host-${n}.test`, upstream };
    });
    // Every tenth has a path as well: those are found by an index of their own.
    const apis = others.map((api, n) => (n % 10 === 0 ? { ...api, path: `/path-${n}` } : api));
    await gateway.serve([...apis, { host, upstream }]);
    return { name, port: gateway.httpsPort, pid: gateway.pid };
  }

  async round({ port, pid }: BenchedProxy, traffic: Traffic, seconds: number): Promise<Round> {
    const { path, connections, rate } = traffic;
    const before = threadsCpuUs(pid);
    const result = await autocannon({
      url: `https://127.0.0.1:${port}${path}`,
      connections,
      duration: seconds,
      headers: { host },
      servername: host,
      ...(rate === undefined ? {} : { overallRate: rate }),
    });
    const failed = result.errors + result.timeouts + result.non2xx;
    if (failed > 0) throw new Error(`${failed} of ${result.requests.total} requests failed`);
    const requests = result['2xx'];
    return {
      cpuUs: (threadsCpuUs(pid) - before) / requests,
      perSecond: requests / result.duration,
      p99Ms: result.latency.p99,
    };
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
    this.#tls.remove();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
