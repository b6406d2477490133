import { parseArgs } from 'node:util';
import type { ServedCertificate } from '../../shared/snapshot.js';
import { type Driven, drive } from '../support/handshake-driver.js';
import { ManyCertificates, manyHost } from '../support/many-certificates.js';
import { residentBytes } from '../support/process-cpu.js';
import { StandaloneNode } from '../support/standalone-node.js';
import { bar, machine, printTable, quantile } from '../support.js';

/**
 * Rotates every certificate of a node once, and on until enough handshakes were checked, while clients
 * shake hands at a fixed rate, with random names and with hot ones. Every leaf is judged: it must be
 * the host's, and not older than what was acknowledged when the client began. What the serving process
 * holds is compared after the same number of handshakes without a rotation, before and after. The
 * supervisor is shown beside it: it has written every certificate once before.
 */
const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '100000' },
    'per-revision': { type: 'string', default: '100' },
    rate: { type: 'string', default: '500' },
    workers: { type: 'string', default: '2' },
  },
});
const hosts = Number(values.hosts);
const perRevision = Number(values['per-revision']);
const hotHosts = 50;
/** Each worker has filled its context budget by then, and replaced the generation that did. */
const settlingHandshakes = 24_000;

interface Host {
  readonly name: string;
  /** In the order they were bound. */
  readonly shown: ServedCertificate['fingerprint256'][];
  /** How many of them are acknowledged. */
  acknowledged: number;
}

const certificates = new ManyCertificates();
const all: Host[] = Array.from({ length: hosts }, (_, n) => ({
  name: manyHost(n),
  shown: [],
  acknowledged: 0,
}));
const node = new StandaloneNode();

/** Gives each host of a range a fresh certificate, in one revision. */
async function rotate(from: number, to: number): Promise<void> {
  const range = all.slice(from, to);
  await node.bind(
    range.map((host, offset) => {
      const certificate = certificates.next(from + offset);
      host.shown.push(certificate.fingerprint256);
      return { n: from + offset, host: host.name, certificate };
    }),
  );
  for (const host of range) host.acknowledged = host.shown.length;
}

function ask(): { name: string; isExpected: (shown: string) => boolean } {
  const span = Math.random() < 0.5 ? hosts : Math.min(hosts, hotHosts);
  const host = all[Math.floor(Math.random() * span)];
  if (host === undefined) throw new Error('no hosts');
  const since = host.acknowledged;
  return {
    name: host.name,
    isExpected: (shown) => {
      const version = host.shown.indexOf(shown) + 1;
      if (version === 0) foreign += 1;
      else if (version < since) older += 1;
      return version >= since && version > 0;
    },
  };
}

let foreign = 0;
let older = 0;
for (let from = 0; from < hosts; from += 20_000) await rotate(from, Math.min(from + 20_000, hosts));
await node.start({ workers: Number(values.workers) });
const load = { port: node.port, connections: 32, rate: Number(values.rate), next: ask };
const megabytes = (bytes: number) => `${(bytes / 1048576).toFixed(0)} MB`;

function resident(): { serving: number; supervisor: number } {
  const [supervisor = 0] = node.pids;
  return { serving: residentBytes(node.servingPid), supervisor: residentBytes(supervisor) };
}

/** What the node holds once it has served this load for a while, without a rotation. */
async function residentUnderLoad(): Promise<ReturnType<typeof resident>> {
  // By count: also where others use the machine's cores it is to hold what this load makes it hold.
  for (let served = 0; served < settlingHandshakes; ) {
    served += (await drive({ ...load, seconds: 5 })).handshakes;
  }
  return resident();
}

try {
  const before = await residentUnderLoad();
  const startedAt = performance.now();
  let took = 0;
  let checked = 0;
  let isRotating = true;
  const rotated = (async () => {
    for (let n = 0; n < hosts || checked < hosts / 2; n += perRevision) {
      await rotate(n % hosts, Math.min((n % hosts) + perRevision, hosts));
      if (took === 0 && n + perRevision >= hosts) took = (performance.now() - startedAt) / 1000;
    }
    isRotating = false;
  })();
  const rounds: Driven[] = [];
  while (isRotating) {
    const round = await drive({ ...load, seconds: 2 });
    rounds.push(round);
    checked += round.handshakes;
  }
  await rotated;
  const atEnd = resident();
  const stats = await node.stats();
  const after = await residentUnderLoad();
  const failed = rounds.reduce((sum, round) => sum + round.failed, 0);
  const growth = after.serving / before.serving - 1;
  const faults = failed + foreign + older;
  const latencies = rounds.flatMap((round) => round.latenciesMs);
  printTable(`${hosts} rotations, ${perRevision} in a revision`, {
    machine: machine(),
    took: `${took.toFixed(1)} s, ${bar(took <= hosts / 1000, 'bar: 1000 a second')}`,
    'checked handshakes': checked,
    'p99 of them': `${quantile(latencies, 0.99).toFixed(1)} ms`,
    'failed, default or foreign, older': `${failed}, ${foreign}, ${older}, ${bar(faults === 0, 'bar: 0')}`,
    generations: stats.generationsTotal,
    'worker restarts': stats.workerRestarts,
    'resident before, at the end': `${megabytes(before.serving)}, ${megabytes(atEnd.serving)}`,
    'resident after': `${megabytes(after.serving)}, ${(growth * 100).toFixed(0)} % more, ${bar(growth <= 0.1, 'bar: 10 %')}`,
    'of the supervisor, before and after': `${megabytes(before.supervisor)}, ${megabytes(after.supervisor)}`,
  });
} finally {
  await node.stop();
}
