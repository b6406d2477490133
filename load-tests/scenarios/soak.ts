import { parseArgs } from 'node:util';
import { TestGateway } from '../../test/proxy/support/gateway.js';
import { TlsFiles } from '../../test/proxy/support/tls-files.js';
import { median, residentBytes } from '../support/process-cpu.js';
import { type Outcome, SoakClient, type Traffic, traffics } from '../support/soak/soak-clients.js';
import { SoakUpstream } from '../support/soak/soak-upstream.js';
import { bar, machine, printTable } from '../support.js';

/**
 * The proxy path under mixed traffic for an hour: kept and new connections, uploads, downloads, chunked
 * bodies, event streams and WebSockets, with clients that leave, resets on both sides and upstream
 * restarts. Every answer is compared with what it should be; memory is looked at once a second.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    connections: { type: 'string', default: '200' },
    /** Mean rest of a client between two of its requests. */
    'rest-ms': { type: 'string', default: '400' },
    'restart-every-s': { type: 'string', default: '20' },
  },
});
const durationMs = Number(values.minutes) * 60_000;
const restMs = Number(values['rest-ms']);
/** No traffic lasts longer than about 10 s by itself. */
const stuckAfterMs = 90_000;
const awayMs = 300;
const growthBar = 0.05;
/** The first share of the time is warm-up. */
const warmUp = 0.25;
const megabyte = 1024 * 1024;

const startedAt = performance.now();
const outcomes = new Map<string, Record<Outcome, number>>();
const failures: string[] = [];
let isOver = false;

async function bounded(name: string, traffic: Traffic, client: SoakClient): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const stuck = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('stuck')), stuckAfterMs);
  });
  try {
    const outcome = await Promise.race([traffic(client), stuck]);
    const counts = outcomes.get(name) ?? { complete: 0, left: 0, interrupted: 0 };
    counts[outcome]++;
    outcomes.set(name, counts);
  } catch (error) {
    const second = Math.round((performance.now() - startedAt) / 1000);
    failures.push(
      `${name}, ${second} s: ${error instanceof Error ? error.message : String(error)}`,
    );
    client.close(); // what it hangs on would hold its next request back
  } finally {
    clearTimeout(timer);
  }
}

async function live(port: number, name: string, traffic: Traffic): Promise<void> {
  const client = new SoakClient(port);
  while (!isOver) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 * restMs));
    if (!isOver) await bounded(name, traffic, client);
  }
  client.close();
}

console.log(machine());
const upstream = await SoakUpstream.start();
const tls = new TlsFiles('DNS:a.test');
const gateway = await TestGateway.start({
  apis: [{ host: 'a.test', upstream: `http://127.0.0.1:${upstream.port}` }],
  tls,
});
try {
  const resident: number[] = [];
  const watch = setInterval(() => resident.push(residentBytes(gateway.pid)), 1000);
  const kinds = Object.entries(traffics);
  const clients = Array.from({ length: Number(values.connections) }, (_, n) => {
    const [name, traffic] = kinds[n % kinds.length] ?? ['none', async () => 'complete' as const];
    return live(gateway.httpsPort, name, traffic);
  });
  const endsAt = performance.now() + durationMs;
  while (performance.now() < endsAt) {
    const restMs = Math.min(Number(values['restart-every-s']) * 1000, endsAt - performance.now());
    await new Promise((resolve) => setTimeout(resolve, restMs));
    await upstream.restart(awayMs);
  }
  clearInterval(watch);
  isOver = true;
  await Promise.all(clients);
  // What a client left behind ends within moments.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const { counters } = await gateway.measure();

  const steady = resident.slice(Math.floor(resident.length * warmUp));
  const tenth = Math.max(1, Math.floor(steady.length / 10));
  const tenths = Array.from({ length: 10 }, (_, n) => {
    return median(steady.slice(n * tenth, (n + 1) * tenth)) / megabyte;
  });
  const growth = (tenths.at(-1) ?? Number.NaN) / (tenths[0] ?? Number.NaN) - 1;
  const errors = gateway.lines('error');
  const defects = [...failures, ...errors.map(({ fields }) => JSON.stringify(fields))];
  printTable(`soak, ${values.minutes} minutes, ${values.connections} connections`, {
    ...Object.fromEntries(
      [...outcomes].map(([name, { complete, left, interrupted }]) => {
        return [name, `${complete} complete, ${left} left, ${interrupted} interrupted`];
      }),
    ),
    'upstream restarts': upstream.restarts,
    'requests at the gateway': counters.requestsTotal,
    'upstream failures, client aborts': `${counters.upstreamFailures}, ${counters.clientAborts}`,
    'wrong, stuck or failed': bar(defects.length === 0, `${defects.length}, bar: none`),
    'requests still active': bar(
      counters.requestsActive === 0,
      `${counters.requestsActive}, bar: 0`,
    ),
    'memory in MB, by tenths after warm-up': tenths.map((mb) => mb.toFixed(1)).join(' '),
    growth: bar(growth <= growthBar, `${(growth * 100).toFixed(1)} %, bar: ≤ ${growthBar * 100} %`),
  });
  for (const defect of defects.slice(0, 20)) console.log(defect);
} finally {
  await gateway.close();
  await upstream.close();
  tls.remove();
}
