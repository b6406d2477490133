/**
 * CPU time per proxied keep-alive HTTPS request, ours against nginx's, in interleaved rounds of one
 * run: node dist/load-tests/proxy-cpu.js [rounds] [seconds per round]
 *
 * Both proxies have one thread, the same certificate and the same upstream (an nginx of its own).
 * Per kind of traffic it prints the median of each and of the per-round quotients. Expects Debian's
 * nginx and openssl.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autocannon from 'autocannon';
import { TestGateway } from '../test/proxy/support/gateway.js';
import { Nginx } from './support/nginx.js';
import { median, processCpuUs } from './support/process-cpu.js';

interface Traffic {
  readonly name: string;
  readonly path: string;
  readonly connections: number;
  /** Quotient to nginx's that is the aim. */
  readonly bar: number;
}

interface Round {
  readonly cpuUsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
}

const traffics: readonly Traffic[] = [
  { name: 'small body', path: '/small', connections: 32, bar: 1.1 },
  { name: '64 KB body', path: '/64k', connections: 16, bar: 1.3 },
  { name: '10 MB body', path: '/10m', connections: 4, bar: 1.5 },
];

const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 2);

const directory = mkdtempSync(join(tmpdir(), 'signet-proxy-cpu-'));
// nginx reads the files as another user.
chmodSync(directory, 0o755);
const keyFile = join(directory, 'key.pem');
const certFile = join(directory, 'cert.pem');
execFileSync('openssl', [
  ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
  ...['-keyout', keyFile, '-out', certFile, '-days', '1', '-subj', '/CN=bench.test'],
]);
writeFileSync(join(directory, '64k'), Buffer.alloc(64 * 1024, 'x'));
writeFileSync(join(directory, '10m'), Buffer.alloc(10 * 1024 * 1024, 'x'));

const upstream = await Nginx.start(join(directory, 'upstream'), (port) => {
  return `server { listen 127.0.0.1:${port}; root ${directory}; sendfile on;
    location = /small { return 200 "a small answer of about sixty bytes, as an API would send it"; } }`;
});
const nginx = await Nginx.start(join(directory, 'proxy'), (port) => {
  return `upstream up { server 127.0.0.1:${upstream.port}; keepalive 64; keepalive_requests 100000000; }
    server { listen 127.0.0.1:${port} ssl; ssl_certificate ${certFile}; ssl_certificate_key ${keyFile};
      location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } }`;
});
const gateway = await TestGateway.start({
  apis: [{ host: 'bench.test', upstream: `http://127.0.0.1:${upstream.port}` }],
  tls: { certFile, keyFile },
});

async function run(port: number, pid: number, { path, connections }: Traffic): Promise<Round> {
  const before = processCpuUs(pid);
  const result = await autocannon({
    url: `https://127.0.0.1:${port}${path}`,
    connections,
    duration: seconds,
    headers: { host: 'bench.test' },
    servername: 'bench.test',
  });
  const failed = result.errors + result.timeouts + result.non2xx;
  if (failed > 0) throw new Error(`${failed} of ${result.requests.total} requests failed`);
  const requests = result['2xx'];
  return {
    cpuUsPerRequest: (processCpuUs(pid) - before) / requests,
    requestsPerSecond: requests / result.duration,
    p99Ms: result.latency.p99,
  };
}

try {
  for (const traffic of traffics) {
    const ours: Round[] = [];
    const theirs: Round[] = [];
    // The first round warms up code, pools and caches.
    for (let round = 0; round <= rounds; round++) {
      const their = await run(nginx.port, nginx.workerPid, traffic);
      const our = await run(gateway.httpsPort, gateway.pid, traffic);
      if (round === 0) continue;
      theirs.push(their);
      ours.push(our);
    }
    const quotients = ours.map((our, i) => our.cpuUsPerRequest / (theirs[i]?.cpuUsPerRequest ?? 0));
    const line = (name: string, all: readonly Round[]) =>
      `  ${name.padEnd(7)} ${median(all.map((r) => r.cpuUsPerRequest)).toFixed(1)} µs CPU per request, ` +
      `${median(all.map((r) => r.requestsPerSecond)).toFixed(0)} requests/s, ` +
      `p99 ${median(all.map((r) => r.p99Ms)).toFixed(1)} ms`;
    console.log(
      `${traffic.name}, ${traffic.connections} connections, ${rounds} rounds of ${seconds} s`,
    );
    console.log(line('nginx', theirs));
    console.log(line('signet', ours));
    console.log(`  quotient ${median(quotients).toFixed(2)} (bar ${traffic.bar})`);
  }
} finally {
  await gateway.close();
  await nginx.stop();
  await upstream.stop();
  rmSync(directory, { recursive: true, force: true });
}
