import { parseArgs } from 'node:util';
import { keyKinds } from '../compare/bench-certificate.js';
import {
  compareHandshakes,
  type HandshakeRound,
  type HandshakeRounds,
} from '../compare/handshakes.js';
import { field, ours } from '../compare/servers.js';
import { median } from '../support/process-cpu.js';
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
    key: { type: 'string', multiple: true, default: ['P-256', 'RSA-2048'] },
  },
});
const ourBar = 0.65;
const { present, missing } = field();

console.log(machine());
for (const name of missing) console.log(`${name} is not installed: left out`);
for (const key of keyKinds.filter((kind) => values.key.includes(kind))) {
  const load = { connections: Number(values.connections), seconds: Number(values.seconds) };
  const { full, resumed } = await compareHandshakes(
    present,
    key,
    { full: { ...load, resumes: false }, resumed: { ...load, resumes: true } },
    Number(values.rounds),
  );
  print(`${key}, full handshake and one request`, full, key === 'P-256');
  print(`${key}, resumed handshake and one request`, resumed, false);
}

function print(title: string, rounds: HandshakeRounds, isBar: boolean): void {
  const medianOf = (name: string, of: (round: HandshakeRound) => number) =>
    median(rounds.get(name)?.map(of) ?? []);
  const cpu = (name: string) => medianOf(name, ({ cpuUs }) => cpuUs);
  console.log(title);
  for (const name of rounds.keys()) {
    const rate = medianOf(name, ({ perSecond }) => perSecond).toFixed(0);
    const p99 = medianOf(name, ({ p99Ms }) => p99Ms).toFixed(1);
    console.log(
      `  ${name.padEnd(8)} ${cpu(name).toFixed(0).padStart(5)} µs CPU, ` +
        `${rate.padStart(6)} connections/s, p99 ${p99} ms`,
    );
  }
  const others = ['nginx', 'HAProxy'].filter((name) => rounds.has(name));
  if (others.length === 0) return;
  const ratio = cpu(ours) / Math.min(...others.map(cpu));
  const verdict = isBar ? `, ${bar(ratio <= ourBar, `bar: ${ourBar}`)}` : '';
  console.log(`  ${ratio.toFixed(2)} × the better of ${others.join(' and ')}${verdict}`);
}
