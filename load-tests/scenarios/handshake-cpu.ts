import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { CertificateId } from '../../shared/gateway-model.js';
import { Haproxy } from '../support/haproxy.js';
import { HaproxyClient } from '../support/haproxy-client.js';
import { Nginx } from '../support/nginx.js';
import { median, processCpuUs } from '../support/process-cpu.js';
import { StandaloneNode } from '../support/standalone-node.js';
import { bar, machine } from '../support.js';

/**
 * CPU time of the server for one connection with one small request, which each server answers by
 * itself: ours, nginx and HAProxy, one thread each, one certificate, SNI sent, in interleaved rounds.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '16' },
  },
});
const host = 'bench.test';
const ourBar = 0.65;

interface Server {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

async function startAll(directory: string, keyOptions: readonly string[]): Promise<Server[]> {
  const keyFile = join(directory, 'key.pem');
  const certFile = join(directory, 'cert.pem');
  const pemFile = join(directory, 'pair.pem');
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', ...keyOptions, '-nodes', '-keyout', keyFile, '-out', certFile],
      ...['-days', '1', '-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`],
    ],
    { stdio: 'ignore' },
  );
  const chainPem = readFileSync(certFile, 'utf8');
  const keyPem = readFileSync(keyFile, 'utf8');
  writeFileSync(pemFile, chainPem + keyPem, { mode: 0o600 });

  const ours = new StandaloneNode();
  const certificate = {
    id: 'cccccccc-0000-4000-8000-000000000001' as CertificateId, // an id as the parser would make it
    fingerprint256: new X509Certificate(chainPem).fingerprint256.replaceAll(':', '').toLowerCase(),
    chainPem,
    keyPem,
    notAfter: Date.now() + 86_400_000,
  };
  await ours.bind([{ n: 1, host, certificate }]);
  await ours.start();
  const nginx = await Nginx.start(join(directory, 'nginx'), (port) => {
    const tls = `ssl_certificate ${certFile}; ssl_certificate_key ${keyFile}; ssl_protocols TLSv1.2 TLSv1.3;`;
    return `server { listen 127.0.0.1:${port} ssl backlog=4096; server_name ${host}; ${tls} return 200 "ok"; }`;
  });
  const haproxy = await Haproxy.start(join(directory, 'haproxy'), pemFile);
  return [
    { name: 'signet', port: ours.port, pid: ours.servingPid, stop: () => ours.stop() },
    { name: 'nginx', port: nginx.port, pid: nginx.workerPid, stop: () => nginx.stop() },
    { name: 'haproxy', port: haproxy.port, pid: haproxy.pid, stop: () => haproxy.stop() },
  ];
}

interface Figures {
  /** Microseconds of the server's CPU for one connection. */
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly p99Ms: number;
}

async function measure(client: HaproxyClient, server: Server, resumes: boolean): Promise<Figures> {
  const before = processCpuUs(server.pid);
  const { connections, perSecond, p99Ms } = await client.run(server.name, {
    resumes,
    connections: Number(values.connections),
    seconds: Number(values.seconds),
  });
  return { cpuUs: (processCpuUs(server.pid) - before) / connections, perSecond, p99Ms };
}

console.log(machine());
for (const [key, options] of [
  ['P-256', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']],
  ['RSA-2048', ['rsa:2048']],
] as const) {
  const directory = mkdtempSync(join(tmpdir(), 'signet-handshake-cpu-'));
  chmodSync(directory, 0o755); // nginx reads the files as another user
  const servers = await startAll(directory, options);
  const client = await HaproxyClient.start(
    join(directory, 'client'),
    servers.map(({ name, port }) => ({ name, port, serverName: host })),
  );
  try {
    for (const resumes of [false, true]) {
      const figures = new Map<string, Figures[]>(servers.map(({ name }) => [name, []]));
      // The first round warms up code and caches.
      for (let round = 0; round <= Number(values.rounds); round += 1) {
        for (const server of servers) {
          const each = await measure(client, server, resumes);
          if (round > 0) figures.get(server.name)?.push(each);
        }
      }
      console.log(`${key}, ${resumes ? 'resumed' : 'full'} handshake and one request`);
      for (const [name, each] of figures) console.log(line(name, each));
      const cpu = (name: string) => median(figures.get(name)?.map(({ cpuUs }) => cpuUs) ?? []);
      const ratio = cpu('signet') / Math.min(cpu('nginx'), cpu('haproxy'));
      const isBar = key === 'P-256' && !resumes;
      const verdict = isBar ? `, ${bar(ratio <= ourBar, `bar: ${ourBar}`)}` : '';
      console.log(`  ${ratio.toFixed(2)} × the better of the others${verdict}`);
    }
  } finally {
    await client.stop();
    for (const server of servers) await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function line(name: string, figures: readonly Figures[]): string {
  const each = (of: (figures: Figures) => number) => median(figures.map(of));
  const cpu = each(({ cpuUs }) => cpuUs).toFixed(0);
  const rate = each(({ perSecond }) => perSecond).toFixed(0);
  const p99 = each(({ p99Ms }) => p99Ms).toFixed(1);
  return `  ${name.padEnd(8)} ${cpu.padStart(5)} µs CPU, ${rate.padStart(6)} connections/s, p99 ${p99} ms`;
}
