import { parseArgs } from 'node:util';
import { CertificateSource } from '../../data-plane/listener/certificate-source.js';
import { RouteTable } from '../../data-plane/routing/route-table.js';
import { openNodeStoreReader } from '../../data-plane/store/open-node-store-reader.js';
import type { Hostname } from '../../shared/hostname.js';
import { type Driven, drive } from '../support/handshake-driver.js';
import { ManyCertificates, manyHost } from '../support/many-certificates.js';
import { residentBytes } from '../support/process-cpu.js';
import { StandaloneNode } from '../support/standalone-node.js';
import { bar, machine, printTable, quantile } from '../support.js';

/**
 * A node with very many certificates: how long it takes to be ready from its local store, what it
 * holds in memory, what selecting a certificate costs, and what a handshake with a random name costs
 * next to one with a hot name. A million take a few minutes to make and 4 GB of disk.
 */
const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '100000' },
    workers: { type: 'string', default: '2' },
    rate: { type: 'string', default: '300' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '2' },
  },
});
const hosts = Number(values.hosts);
const bindingsPerRevision = 20_000;

const node = new StandaloneNode();
const fingerprints: string[] = [];

async function fill(): Promise<void> {
  const certificates = new ManyCertificates();
  for (let from = 0; from < hosts; from += bindingsPerRevision) {
    const count = Math.min(bindingsPerRevision, hosts - from);
    await node.bind(
      Array.from({ length: count }, (_, offset) => {
        const n = from + offset;
        const certificate = certificates.next(n);
        fingerprints.push(certificate.fingerprint256);
        return { n, host: manyHost(n), certificate };
      }),
    );
  }
}

function handshakes(port: number, nextHost: () => number): Promise<Driven> {
  return drive({
    port,
    connections: 16,
    seconds: Number(values.seconds),
    rate: Number(values.rate),
    next: () => {
      const n = nextHost();
      return { name: manyHost(n), isExpected: (shown) => shown === fingerprints[n] };
    },
  });
}

/** CPU for finding what a random host is to be shown, in a worker that has not looked it up before. */
function selectionUs(): number {
  const store = openNodeStoreReader({ dataDirectory: node.dataDirectory });
  const routes = new RouteTable(store, { maxCachedHosts: 1 });
  const source = new CertificateSource(store, routes);
  const batches = Array.from({ length: 50 }, () => {
    const names = Array.from({ length: 1_000 }, () => manyHost(Math.floor(Math.random() * hosts)));
    const before = process.cpuUsage();
    const found = names.filter((name) => source.binding(name as Hostname)); // a host in lower case
    const { user, system } = process.cpuUsage(before);
    if (found.length < names.length) throw new Error('a host was not found');
    return (user + system) / names.length;
  });
  store.close();
  return quantile(batches, 0.5);
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MB`;
const p99 = (rounds: readonly Driven[]) =>
  quantile(
    rounds.flatMap((round) => round.latenciesMs),
    0.99,
  );

try {
  await fill();
  const selection = selectionUs();
  const readyMs = await node.startAgain({ workers: Number(values.workers) });
  const resident = () => node.pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
  const atStart = resident();
  const hot: Driven[] = [];
  const uniform: Driven[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    hot.push(await handshakes(node.port, () => 7));
    uniform.push(await handshakes(node.port, () => Math.floor(Math.random() * hosts)));
  }
  const all = [...hot, ...uniform];
  const failed = all.reduce((sum, each) => sum + each.failed, 0);
  const wrong = all.reduce((sum, each) => sum + each.wrong, 0);
  const isLarge = hosts > 100_000;
  const maxResident = (isLarge ? 1536 : 400) * 1024 * 1024;
  const ready = `${readyMs.toFixed(0)} ms`;
  printTable(`${hosts} hosts with a certificate each, one key for all, ${values.workers} workers`, {
    machine: machine(),
    ready: isLarge ? ready : `${ready}, ${bar(readyMs <= 2_000, 'bar: 2 s')}`,
    selection: `${selection.toFixed(1)} µs of CPU, ${bar(selection <= 5, 'bar: 5 µs')}`,
    'resident at start': megabytes(atStart),
    'resident after': `${megabytes(resident())}, ${bar(resident() <= maxResident, `bar: ${megabytes(maxResident)}`)}`,
    handshakes: all.reduce((sum, each) => sum + each.handshakes, 0),
    'p99 one hot name': `${p99(hot).toFixed(2)} ms`,
    'p99 random names': `${p99(uniform).toFixed(2)} ms${isLarge ? '' : `, ${bar(p99(uniform) <= 2 * p99(hot), 'bar: 2 × the hot name')}`}`,
    'failed or wrong': `${failed} failed, ${wrong} wrong, ${bar(failed + wrong === 0, 'bar: 0')}`,
  });
} finally {
  await node.stop();
}
