import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { descendants } from '../../test/support/descendants.js';
import { LoopbackFleet } from '../fleet.js';
import { type HostileReport, startHostileCallers } from '../support/hostile-callers.js';
import { connectPaced } from '../support/paced-requests.js';
import { pin } from '../support/pinning.js';
import { processCpuUs } from '../support/process-cpu.js';
import { bar, machine, printTable, quantile } from '../support.js';

/**
 * What becomes of the p99 of clients at a fixed rate while more callers than the admin API's limits let
 * in send it everything it refuses.
 *
 * Clients and callers stand for other machines, and what they take of this one's cores no attacker takes
 * of a gateway's: the callers have the lowest priority, and are kept waiting by the limits most of the
 * time. What they take all the same counts against the gateway. `--one-core` is harder than most machines
 * are: the whole gateway has one core, so that what its processes do for the callers always is in the
 * way; clients and callers have the other.
 *
 * Each turn has a quiet round, the attack's first seconds, in which the limits let a burst in, a round of
 * the attack at its limits, and another quiet one. It is judged by itself: the hostile p99 to the mean of
 * the two quiet ones, which leaves slow changes of the machine out. The second quiet round to the first
 * says what a turn can tell apart at all. Of all turns the median counts.
 */
const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '2' },
    rate: { type: 'string', default: '1000' },
    callers: { type: 'string', default: '256' },
    'one-core': { type: 'boolean', default: false },
  },
});
const turns = Number(values.turns);
const seconds = Number(values.seconds);
const rate = Number(values.rate);
/** Until the sockets of callers that have gone are closed, and the limits have forgiven. */
const settleMs = 1_000;

const fleet = new LoopbackFleet();
try {
  await fleet.start(1, ['--workers', '1']);
  const { gateway, admin } = fleet;
  // What the uploads among the hostile requests are aimed at.
  await admin.addApi('target', 'target.test', 'http://127.0.0.1:9');
  const asked = new Blob(['{"name":"hostile","scopes":["write"]}'], { type: 'application/json' });
  const { token } = (await admin.send('POST', '/tokens', asked)).body as { readonly token: string };
  const target = { adminUrl: gateway.adminUrl, token, callers: Number(values.callers) };

  const isApart = values['one-core'];
  if (isApart) {
    pin([gateway.pid, ...descendants(gateway.pid)], 0);
    pin([process.pid], 1);
  }
  const clients = await connectPaced(gateway.tlsPort, 8);
  const p99 = async () => quantile(await clients.run(rate * seconds, rate), 0.99);
  await p99();

  const quiet: number[] = [];
  const burst: number[] = [];
  const hostile: number[] = [];
  const again: number[] = [];
  const answers: Record<string, number> = {};
  let controlPlaneUs = 0;
  for (let turn = 0; turn < turns; turn++) {
    const callers = await startHostileCallers(target);
    if (isApart) pin([callers.pid], 1);
    quiet.push(await p99());
    callers.attack();
    burst.push(await p99());
    const before = processCpuUs(gateway.pid);
    hostile.push(await p99());
    controlPlaneUs += processCpuUs(gateway.pid) - before;
    count(answers, await callers.stop());
    await delay(settleMs);
    again.push(await p99());
  }
  clients.close();

  const noise = quiet.map((ms, turn) => (again[turn] ?? Number.NaN) / ms);
  const toQuiet = (ms: number, turn: number) =>
    ms / (((quiet[turn] ?? Number.NaN) + (again[turn] ?? Number.NaN)) / 2);
  const moved = hostile.map(toQuiet);
  printTable(`p99 at ${rate} requests/s under a hostile admin API load`, {
    machine: machine(),
    cores: isApart ? 'one for the gateway, one for clients and callers' : 'shared by all',
    'quiet, ms': spread(quiet, milliseconds),
    'burst, ms': spread(burst, milliseconds),
    'hostile, ms': spread(hostile, milliseconds),
    'quiet again, ms': spread(again, milliseconds),
    'quiet to quiet': spread(noise, percent),
    'burst to quiet': spread(burst.map(toQuiet), percent),
    'hostile to quiet': spread(moved, percent),
    'hostile answers': JSON.stringify(answers),
    'control plane': `${percent(1 + controlPlaneUs / 1e6 / turns / seconds)} of a core meanwhile`,
    change: bar(quantile(moved, 0.5) <= 1.1, `bar: ≤ 10 %, was ${percent(quantile(moved, 0.5))}`),
  });
} finally {
  await fleet.close();
}

function milliseconds(value: number): string {
  return value.toFixed(2);
}

function percent(ratio: number): string {
  return `${((ratio - 1) * 100).toFixed(0)} %`;
}

/** Median, and between what the middle half lies. */
function spread(samples: readonly number[], show: (value: number) => string): string {
  const [low, median, high] = [0.25, 0.5, 0.75].map((share) => show(quantile(samples, share)));
  return `${median}  (middle half ${low} to ${high})`;
}

function count(into: Record<string, number>, report: HostileReport): void {
  for (const [status, times] of Object.entries(report)) into[status] = (into[status] ?? 0) + times;
}
