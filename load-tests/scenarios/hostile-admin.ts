import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { LoopbackFleet } from '../fleet.js';
import { type HostileReport, startHostileCallers } from '../support/hostile-callers.js';
import { bar, machine, printTable, quantile } from '../support.js';

/**
 * Clients at a fixed rate while the admin API gets everything it refuses, as fast as it answers: what
 * becomes of the data plane's p99. Quiet and hostile rounds take turns, so that a change of the machine
 * falls on both; on few cores the clients, the callers and the gateway share them.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    rate: { type: 'string', default: '500' },
    callers: { type: 'string', default: '16' },
  },
});

const fleet = new LoopbackFleet();
try {
  await fleet.start(1, ['--workers', '1']);
  // What the uploads among the hostile requests are aimed at.
  await fleet.admin.addApi('target', 'target.test', 'http://127.0.0.1:9');
  await round();
  const quiet: number[] = [];
  const hostile: number[] = [];
  const answers: Record<string, number> = {};
  for (let turn = 0; turn < Number(values.rounds); turn++) {
    quiet.push(await round());
    const callers = await startHostileCallers(fleet.gateway.adminUrl, Number(values.callers));
    hostile.push(await round());
    count(answers, await callers.stop());
  }
  const [before, under] = [quantile(quiet, 0.5), quantile(hostile, 0.5)];
  printTable(`p99 at ${values.rate} requests/s under a hostile admin API load`, {
    machine: machine(),
    'quiet, ms': `${before.toFixed(2)}  (${quiet.map((ms) => ms.toFixed(1)).join(', ')})`,
    'hostile, ms': `${under.toFixed(2)}  (${hostile.map((ms) => ms.toFixed(1)).join(', ')})`,
    'hostile answers': JSON.stringify(answers),
    change: bar(
      under <= before * 1.1,
      `bar: ≤ 10 %, was ${((under / before - 1) * 100).toFixed(0)} %`,
    ),
  });
} finally {
  await fleet.close();
}

/** p99 of requests that the gateway answers by itself, over TLS connections that are kept. */
async function round(): Promise<number> {
  const result = await autocannon({
    url: `https://127.0.0.1:${fleet.gateway.tlsPort}/`,
    connections: 8,
    overallRate: Number(values.rate),
    duration: Number(values.seconds),
    headers: { host: 'no-api.test' },
  });
  if (result.errors + result.timeouts > 0) throw new Error('a request failed');
  return result.latency.p99;
}

function count(into: Record<string, number>, report: HostileReport): void {
  for (const [status, times] of Object.entries(report)) into[status] = (into[status] ?? 0) + times;
}
