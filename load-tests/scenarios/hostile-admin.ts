import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { descendants } from '../../test/support/descendants.js';
import { LoopbackFleet } from '../fleet.js';
import { type HostileReport, startHostileCallers } from '../support/hostile-callers.js';
import { connectPaced } from '../support/paced-requests.js';
import { pin } from '../support/pinning.js';
import { processCpuUs } from '../support/process-cpu.js';
import { startRefusingServer } from '../support/refusing-server.js';
import { bar, machine, printTable, quantile } from '../support.js';

/**
 * What becomes of the p99 of clients at a fixed rate while more callers than the admin API's limits let
 * in send it everything it refuses.
 *
 * Clients and callers stand for other machines, but take their processor from this one, and writing
 * megabytes takes milliseconds of it whoever reads them. So what hostile rounds are compared with is the
 * same callers at a server that refuses them at the same pace and does nothing else: what callers do to
 * this machine is in both, what the admin API does for them in one. Rounds without callers are shown too.
 *
 * Each turn has a round without callers, one at the stand-in, a hostile one and another at the stand-in.
 * The attack has begun some seconds before its round: first the limits let a burst in, which is shown by
 * itself. A turn is judged by itself, by the hostile p99 to the mean of the two at the stand-in, which
 * leaves slow changes of the machine out; of all turns the median counts. The second round at the
 * stand-in to the first says what can be told apart at all: if their median is beyond the bar, nothing
 * was measured. `--one-core` gives the whole gateway one core and all others the other: harder than most
 * machines are.
 */
const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '2' },
    rate: { type: 'string', default: '1000' },
    callers: { type: 'string', default: '256' },
    'one-core': { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const rate = Number(values.rate);
/** Until the sockets of callers that have gone are closed, and the limits have forgiven. */
const settleMs = 1_000;

const fleet = new LoopbackFleet();
const standIn = await startRefusingServer();
try {
  await fleet.start(1, ['--workers', '1']);
  const { gateway, admin } = fleet;
  // What the uploads among the hostile requests are aimed at.
  await admin.addApi('target', 'target.test', 'http://127.0.0.1:9');
  const asked = new Blob(['{"name":"hostile","scopes":["write"]}'], { type: 'application/json' });
  const { token } = (await admin.send('POST', '/tokens', asked)).body as { readonly token: string };
  const isApart = values['one-core'];
  if (isApart) {
    pin([gateway.pid, ...descendants(gateway.pid)], 0);
    pin([process.pid, standIn.pid], 1);
  }
  const clients = await connectPaced(gateway.tlsPort, 8);
  const p99 = async () => quantile(await clients.run(rate * seconds, rate), 0.99);
  const under = async (url: string, seen: Record<string, number> = {}) => {
    const callers = await startHostileCallers({ url, token, callers: Number(values.callers) });
    if (isApart) pin([callers.pid], 1);
    callers.attack();
    const burst = await p99();
    const before = processCpuUs(gateway.pid);
    const steady = await p99();
    const controlPlane = (processCpuUs(gateway.pid) - before) / 1e6 / seconds;
    count(seen, await callers.stop());
    await delay(settleMs);
    return { burst, steady, controlPlane };
  };
  await p99();

  const quiet: number[] = [];
  const first: number[] = [];
  const attacked: Awaited<ReturnType<typeof under>>[] = [];
  const again: number[] = [];
  const answers: Record<string, number> = {};
  for (let turn = 0; turn < Number(values.turns); turn++) {
    quiet.push(await p99());
    first.push((await under(standIn.url)).steady);
    attacked.push(await under(gateway.adminUrl, answers));
    again.push((await under(standIn.url)).steady);
  }
  clients.close();

  const hostile = attacked.map(({ steady }) => steady);
  const noise = first.map((ms, turn) => (again[turn] ?? Number.NaN) / ms);
  const moved = hostile.map(
    (ms, turn) => ms / (((first[turn] ?? Number.NaN) + (again[turn] ?? Number.NaN)) / 2),
  );
  const isQuiet = Math.abs(quantile(noise, 0.5) - 1) <= 0.1;
  printTable(`p99 at ${rate} requests/s under a hostile admin API load`, {
    machine: machine(),
    cores: isApart ? 'one for the gateway, one for clients and callers' : 'shared by all',
    'no callers, ms': spread(quiet, milliseconds),
    'at the stand-in, ms': spread(first, milliseconds),
    'hostile, ms': spread(hostile, milliseconds),
    'at the stand-in again, ms': spread(again, milliseconds),
    'hostile, its burst, ms': spread(
      attacked.map(({ burst }) => burst),
      milliseconds,
    ),
    'stand-in to stand-in': spread(noise, percent),
    'hostile to stand-in': spread(moved, percent),
    'hostile answers': JSON.stringify(answers),
    'control plane, of a core': spread(
      attacked.map(({ controlPlane }) => controlPlane),
      share,
    ),
    change: bar(
      isQuiet && quantile(moved, 0.5) <= 1.1,
      isQuiet
        ? `bar: ≤ 10 %, was ${percent(quantile(moved, 0.5))}`
        : 'rounds that are alike differ by more than the bar: something else runs here',
    ),
  });
} finally {
  standIn.close();
  await fleet.close();
}

function milliseconds(value: number): string {
  return value.toFixed(2);
}

function share(value: number): string {
  return `${(value * 100).toFixed(1)} %`;
}

/** By how much more. */
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
