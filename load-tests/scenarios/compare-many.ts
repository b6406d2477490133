import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ServedCertificate } from '../../shared/snapshot.js';
import { drive, shownTo } from '../support/handshake-driver.js';
import { ManyCertificates } from '../support/many-certificates.js';
import { freePort } from '../support/nginx.js';
import { childrenOf, residentBytes } from '../support/process-cpu.js';
import { StandaloneNode } from '../support/standalone-node.js';
import { machine } from '../support.js';

/**
 * Ours, nginx and HAProxy with very many certificates, one worker each: time from start to the first
 * handshake, memory then, and what it takes to rotate one certificate while clients shake hands.
 * nginx reloads; HAProxy is told by its runtime API; ours by a revision in the node's store.
 */
const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '10000' },
    rate: { type: 'string', default: '100' },
  },
});
const hosts = Number(values.hosts);
const victim = Math.floor(hosts / 2);
const hostName = (n: number) => `host-${n}.many.test`;

interface Server {
  readonly name: string;
  readonly port: number;
  readonly pids: () => readonly number[];
  /** From its start to accepting connections, where the server says so itself. */
  readonly readyMs?: number;
  /** Gives the victim another certificate; resolves when the server has been told. */
  readonly rotate: (certificate: ServedCertificate) => Promise<void>;
  readonly stop: () => Promise<void>;
}

const directory = mkdtempSync(join(tmpdir(), 'signet-compare-'));
chmodSync(directory, 0o755); // nginx reads the files as another user
const pemFile = (n: number) => join(directory, `${n}.pem`);
const pemOf = ({ chainPem, keyPem }: ServedCertificate) => `${chainPem}\n${keyPem}`;

const mint = new ManyCertificates();
const certificates = Array.from({ length: hosts }, () => mint.next());
function writeFiles(): void {
  for (const [n, certificate] of certificates.entries()) {
    writeFileSync(pemFile(n), pemOf(certificate), { mode: 0o600 });
  }
}

async function startSignet(): Promise<Server> {
  const node = new StandaloneNode();
  const bindings = certificates.map((certificate, n) => ({ n, host: hostName(n), certificate }));
  await node.bind(bindings);
  const readyMs = await node.startAgain();
  return {
    name: 'signet',
    readyMs,
    port: node.port,
    pids: () => node.pids,
    rotate: (certificate) => node.bind([{ n: victim, host: hostName(victim), certificate }]),
    stop: () => node.stop(),
  };
}

async function startNginx(): Promise<Server> {
  const port = await freePort();
  const file = join(directory, 'nginx.conf');
  const servers = certificates.map((_, n) => {
    const tls = `ssl_certificate ${pemFile(n)}; ssl_certificate_key ${pemFile(n)};`;
    return `server { listen 127.0.0.1:${port} ssl; server_name ${hostName(n)}; ${tls} return 200 "ok"; }`;
  });
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${directory}/nginx.pid; error_log stderr crit;
    events { worker_connections 4096; }
    http { access_log off; server_names_hash_max_size 262144; server_names_hash_bucket_size 128;
    client_body_temp_path ${directory}/b; proxy_temp_path ${directory}/p; fastcgi_temp_path ${directory}/f;
    uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;
    ${servers.join('\n')} }`,
  );
  const child = spawn('nginx', ['-c', file, '-p', directory], { stdio: 'ignore' });
  const pid = child.pid ?? 0;
  return {
    name: 'nginx',
    port,
    pids: () => [pid, ...childrenOf(pid)],
    rotate: async (certificate) => {
      writeFileSync(pemFile(victim), pemOf(certificate));
      child.kill('SIGHUP');
    },
    stop: () => end(child),
  };
}

async function startHaproxy(): Promise<Server> {
  const port = await freePort();
  const [file, list, socket] = ['haproxy.cfg', 'crt-list', 'haproxy.sock'].map((each) =>
    join(directory, each),
  ) as [string, string, string]; // as many as went in
  const lines = certificates.map((_, n) => `${pemFile(n)} ${hostName(n)}`);
  writeFileSync(list, `${lines.join('\n')}\n`);
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4096
  stats socket ${socket} level admin
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 10s
frontend tls
  bind 127.0.0.1:${port} ssl crt-list ${list}
  http-request return status 200 content-type text/plain string ok
`,
  );
  const child = spawn('haproxy', ['-f', file, '-db'], { stdio: 'ignore' });
  const command = async (text: string) => {
    const connection = connectTcp(socket);
    connection.end(`${text}\n`);
    connection.resume();
    await once(connection, 'close');
  };
  return {
    name: 'haproxy',
    port,
    pids: () => [child.pid ?? 0],
    rotate: async (certificate) => {
      const pem = pemOf(certificate).replace(/\n+/g, '\n').trim();
      await command(`set ssl cert ${pemFile(victim)} <<\n${pem}\n`);
      await command(`commit ssl cert ${pemFile(victim)}`);
    },
    stop: () => end(child),
  };
}

async function end(child: ReturnType<typeof spawn>): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGTERM'); // nginx's workers would outlive a master that is killed
  await once(child, 'exit');
}

/** Milliseconds until a handshake for the victim shows this leaf. */
async function untilShown(port: number, fingerprint256: string): Promise<number> {
  const startedAt = performance.now();
  while ((await shownTo(port, hostName(victim))) !== fingerprint256) {
    if (performance.now() - startedAt > 120_000) throw new Error('never shown');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - startedAt;
}

console.log(`${machine()}, ${hosts} certificates`);
try {
  for (const start of [startSignet, startNginx, startHaproxy]) {
    writeFiles(); // the server before has replaced one
    const startedAt = performance.now();
    const server = await start();
    try {
      const first = certificates[victim]?.fingerprint256 ?? '';
      await untilShown(server.port, first);
      const readyMs = server.readyMs ?? performance.now() - startedAt;
      const resident = server.pids().reduce((sum, pid) => sum + residentBytes(pid), 0);
      const load = drive({
        port: server.port,
        connections: 8,
        seconds: 15,
        rate: Number(values.rate),
        next: () => ({ name: hostName(Math.floor(Math.random() * hosts)) }),
      });
      const certificate = mint.next();
      const rotatedAt = performance.now();
      await server.rotate(certificate);
      await untilShown(server.port, certificate.fingerprint256);
      const rotateMs = performance.now() - rotatedAt;
      const { failed, handshakes } = await load;
      console.log(
        `  ${server.name.padEnd(8)} ready ${readyMs.toFixed(0)} ms, ${(resident / 1048576).toFixed(0)} MB, ` +
          `one rotation ${rotateMs.toFixed(0)} ms, ${failed} of ${handshakes + failed} handshakes failed`,
      );
    } finally {
      await server.stop();
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
