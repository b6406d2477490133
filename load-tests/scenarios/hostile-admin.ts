import { parseArgs } from 'node:util';
import { LoopbackFleet } from '../fleet.js';
import { type HostileReport, startHostileCallers } from '../support/hostile-callers.js';
import { connectPaced } from '../support/paced-requests.js';
import { bar, machine, printTable, quantile } from '../support.js';

/**
 * Clients at a fixed rate while the admin API gets everything it refuses, as fast as it answers: what
 * becomes of the data plane's p99. Quiet and hostile rounds take turns, so that a change of the machine
 * falls on both; on few cores the clients, the callers and the gateway share them.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
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
  const clients = await connectPaced(fleet.gateway.tlsPort, 8);
  const round = async () => {
    const requests = Number(values.rate) * Number(values.seconds);
    return quantile(await clients.run(requests, Number(values.rate)), 0.99);
  };
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
  clients.close();
  const [before, under] = [quantile(quiet, 0.5), quantile(hostile, 0.5)];
  printTable(`p99 at ${values.rate} requests/s under a hostile admin API load`, {
    machine: machine(),
    'quiet, ms': `${before.toFixed(2)}  (${quiet.map((ms) => ms.toFixed(2)).join(', ')})`,
    'hostile, ms': `${under.toFixed(2)}  (${hostile.map((ms) => ms.toFixed(2)).join(', ')})`,
    'hostile answers': JSON.stringify(answers),
    change: bar(
      under <= before * 1.1,
      `bar: ≤ 10 %, was ${((under / before - 1) * 100).toFixed(0)} %`,
    ),
  });
} finally {
  await fleet.close();
}

function count(into: Record<string, number>, report: HostileReport): void {
  for (const [status, times] of Object.entries(report)) into[status] = (into[status] ?? 0) + times;
}
