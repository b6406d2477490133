import { parseArgs } from 'node:util';
import { keyKinds } from '../compare/bench-certificate.js';
import { compareHandshakes, type HandshakeComparison, medianOf } from '../compare/handshakes.js';
import { field, ours } from '../compare/servers.js';
import { bar, machine } from '../support.js';

/**
 * CPU time of ours and of the other servers for one connection with one small request, full and
 * resumed. The quick look at what `compare.ts` measures too, with the bar.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '16' },
    key: { type: 'string', multiple: true, default: [...keyKinds] },
  },
});
const ourBar = 0.65;
const connections = Number(values.connections);
const seconds = Number(values.seconds);
const { present, missing } = field();

console.log(machine());
for (const name of missing) console.log(`${name} is not installed: left out`);
for (const key of keyKinds.filter((kind) => values.key.includes(kind))) {
  const [full, resumed] = await compareHandshakes(
    present,
    key,
    [false, true].map((resumes) => ({ resumes, connections, seconds })),
    Number(values.rounds),
  );
  if (full !== undefined) print(`${key}, full handshake and one request`, full, key === 'P-256');
  if (resumed !== undefined) print(`${key}, resumed handshake and one request`, resumed, false);
}

function print(title: string, { rounds }: HandshakeComparison, isBar: boolean): void {
  console.log(title);
  for (const [name, each] of rounds) {
    const cpu = medianOf(each, ({ cpuUs }) => cpuUs).toFixed(0);
    const rate = medianOf(each, ({ perSecond }) => perSecond).toFixed(0);
    const p99 = medianOf(each, ({ p99Ms }) => p99Ms).toFixed(1);
    console.log(
      `  ${name.padEnd(8)} ${cpu.padStart(5)} µs CPU, ${rate.padStart(6)} connections/s, p99 ${p99} ms`,
    );
  }
  const cpu = (name: string) => medianOf(rounds.get(name), ({ cpuUs }) => cpuUs);
  const others = ['nginx', 'HAProxy'].filter((name) => rounds.has(name));
  if (others.length === 0) return;
  const ratio = cpu(ours) / Math.min(...others.map(cpu));
  const verdict = isBar ? `, ${bar(ratio <= ourBar, `bar: ${ourBar}`)}` : '';
  console.log(`  ${ratio.toFixed(2)} × the better of ${others.join(' and ')}${verdict}`);
}
