import { parseArgs } from 'node:util';
import { AdminClient } from '../../test/support/admin-client.js';
import { freePorts } from '../../test/support/free-port.js';
import { GatewayProcess } from '../../test/support/gateway-process.js';
import { ScratchDirectory } from '../../test/support/scratch-directory.js';
import { type Driven, drive, shownTo } from '../support/handshake-driver.js';
import { manyHost } from '../support/many-certificates.js';
import { ManyPairs } from '../support/many-pairs.js';
import { processCpuUs, residentBytes } from '../support/process-cpu.js';
import { bar, machine, printTable, quantile } from '../support.js';

/**
 * A node that serves a few hosts finds a control plane with very many: from its connection until it has
 * acknowledged the full snapshot, with handshakes all the time. Then both are killed: from the start of
 * the node alone to its first correct handshake, out of the local store.
 */
const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '100000' },
    rate: { type: 'string', default: '100' },
    workers: { type: 'string', default: '1' },
  },
});
const hosts = Number(values.hosts);
const firstHosts = 100;
const pollMs = 100;
/** In a second. */
const idleCpuMs = 50;
const directory = new ScratchDirectory();
const pairs = new ManyPairs(directory.path('control-plane'));
const [nodePort = 0, httpPort = 0, httpsPort = 0] = await freePorts(3);
const running = new Set<GatewayProcess>();

async function start(options: Parameters<typeof GatewayProcess.start>[0]): Promise<GatewayProcess> {
  const started = await GatewayProcess.start(options);
  running.add(started);
  return started;
}

const startControlPlane = (port: number) =>
  start({
    command: 'control-plane',
    dataDir: directory.path('control-plane'),
    flags: ['--node-listen', `127.0.0.1:${port}`, '--log-level', 'warn'],
  });

const startNode = (token?: string) =>
  start({
    command: 'data-plane',
    dataDir: directory.path('node'),
    flags: [
      ...['--control-planes', `127.0.0.1:${nodePort}`, '--workers', values.workers],
      ...['--proxy-listen', `127.0.0.1:${httpPort}`, '--log-level', 'error'],
      ...['--proxy-listen-ssl', `127.0.0.1:${httpsPort}`],
    ],
    env: token === undefined ? {} : { SIGNET_JOIN_TOKEN: token },
  });

async function stop(each: GatewayProcess, how: 'stop' | 'kill'): Promise<void> {
  await each[how]();
  running.delete(each);
}

interface KnownNode {
  readonly connected: boolean;
  /** Absent before the first acknowledgement. */
  readonly lag?: number;
}

/** What the control plane says of the one node; asked again and again until it is so. */
async function untilNode(admin: AdminClient, isSo: (node: KnownNode) => boolean): Promise<void> {
  await until(async () => {
    const { body } = await admin.send('GET', '/nodes');
    const { data } = body as { readonly data: readonly KnownNode[] };
    return data.every(isSo);
  }, pollMs);
}

async function untilIdle(each: GatewayProcess): Promise<void> {
  for (let before = Number.NEGATIVE_INFINITY; ; ) {
    const [now = 0] = cpuMs(each);
    if (now - before < idleCpuMs) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

const isConnected = ({ connected }: KnownNode) => connected;
const isApplied = ({ connected, lag }: KnownNode) => connected && lag === 0;

const cpuMs = (...each: readonly GatewayProcess[]) =>
  each.map(({ pid }) => processCpuUs(pid) / 1000);

async function until(holds: () => Promise<boolean>, everyMs: number): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, everyMs));
}

/** Hosts that the node serves from the beginning, while `isOver` does not hold. */
async function handshakesUntil(isOver: () => boolean): Promise<Driven[]> {
  const rounds: Driven[] = [];
  while (!isOver()) {
    const next = () => {
      const n = Math.floor(Math.random() * firstHosts);
      const isExpected = (shown: string) => shown === pairs.fingerprints[n];
      return { name: manyHost(n), isExpected };
    };
    const load = { port: httpsPort, connections: 8, rate: Number(values.rate) };
    rounds.push(await drive({ ...load, seconds: 1, next }));
  }
  return rounds;
}

try {
  await pairs.add(firstHosts);
  const first = await startControlPlane(nodePort);
  const token = await new AdminClient(first.adminUrl).send(
    'POST',
    '/nodes/join-tokens',
    new URLSearchParams(),
  );
  const node = await startNode((token.body as { readonly token: string }).token);
  await untilNode(new AdminClient(first.adminUrl), isApplied);
  await stop(first, 'stop');
  await pairs.add(hosts - firstHosts);

  // Where the node does not find it: what it makes of so many events at once (state, history) is no part
  // of the measurement.
  const unseen = await startControlPlane(0);
  await untilIdle(unseen);
  await stop(unseen, 'stop');
  const controlPlane = await startControlPlane(nodePort);
  let isOver = false;
  const driven = handshakesUntil(() => isOver);
  const admin = new AdminClient(controlPlane.adminUrl);
  await untilNode(admin, isConnected);
  const before = { at: performance.now(), cpuMs: cpuMs(controlPlane, node) };
  await untilNode(admin, isApplied);
  const appliedMs = performance.now() - before.at;
  const usedMs = cpuMs(controlPlane, node).map((ms, index) => ms - (before.cpuMs[index] ?? 0));
  isOver = true;
  const rounds = await driven;
  const residentMb = (residentBytes(node.pid) / 1048576).toFixed(0);
  await stop(controlPlane, 'kill');
  await stop(node, 'kill');

  const startedAt = performance.now();
  const again = startNode();
  const last = hosts - 1;
  await until(
    async () => (await shownTo(httpsPort, manyHost(last))) === pairs.fingerprints[last],
    5,
  );
  const firstHandshakeMs = performance.now() - startedAt;
  await again;

  const failed = rounds.reduce((sum, round) => sum + round.failed, 0);
  const wrong = rounds.reduce((sum, round) => sum + round.wrong, 0);
  const latencies = rounds.flatMap(({ latenciesMs }) => latenciesMs);
  printTable(`A full snapshot of ${hosts} certificates`, {
    machine: machine(),
    'applied and proved after': `${(appliedMs / 1000).toFixed(1)} s, ${bar(appliedMs <= 20_000, 'bar: 20 s')}`,
    'CPU s, control plane and supervisor': usedMs.map((ms) => (ms / 1000).toFixed(1)).join(', '),
    'handshakes meanwhile': latencies.length,
    'p99 of them': `${quantile(latencies, 0.99).toFixed(1)} ms`,
    'failed, wrong': `${failed}, ${wrong}, ${bar(failed + wrong === 0, 'bar: 0')}`,
    'resident, supervisor': `${residentMb} MB`,
    'first correct handshake after a start': `${firstHandshakeMs.toFixed(0)} ms, ${bar(firstHandshakeMs <= 2_000, 'bar: 2 s')}`,
  });
} finally {
  await Promise.all([...running].map((each) => each.kill()));
  await directory.remove();
}
