import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { barChart } from '../compare/bar-chart.js';
import { compareHandshakes, type HandshakeRound } from '../compare/handshakes.js';
import {
  compareManyCertificates,
  type ManyCertificatesRound,
} from '../compare/many-certificates.js';
import { markdownTable } from '../compare/markdown-table.js';
import type { Metric, Scale } from '../compare/metric.js';
import { withComparison } from '../compare/readme-section.js';
import { field, ours } from '../compare/servers.js';
import { median } from '../support/process-cpu.js';
import { machine } from '../support.js';

/**
 * Ours, nginx, HAProxy and Caddy in interleaved rounds of one run. The full form takes less than six
 * minutes and puts its table and plot into the README; the quick one prints a table in less than two.
 */
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    hosts: { type: 'string' },
    rate: { type: 'string', default: '300' },
    connections: { type: 'string', default: '16' },
  },
});
const size = options.quick
  ? { rounds: 2, seconds: 1, hosts: 2_000, starts: 1 }
  : { rounds: 4, seconds: 2, hosts: 10_000, starts: 2 };
const hosts = Number(options.hosts ?? size.hosts);
const rate = Number(options.rate);
const { present, missing } = field();

const about = [
  `${machine()}, ${new Date().toISOString().slice(0, 10)}`,
  `medians of ${size.rounds} rounds, of ${size.starts} for starts and rotations`,
  ...missing.map((name) => `${name} is not installed and left out`),
].join('; ');
console.log(`${about}\n`);

const full = { resumes: false, connections: Number(options.connections), seconds: size.seconds };
const resumed = { ...full, resumes: true };
const steady = { ...full, rate };
const ecdsa = await compareHandshakes(present, 'P-256', { full, resumed, steady }, size.rounds);
const rsa = await compareHandshakes(present, 'RSA-2048', { full }, size.rounds);
const many = await compareManyCertificates(present, { hosts, rate, seconds: 4 }, size.starts);

type Rounds<Round> = ReadonlyMap<string, readonly Round[]>;
const medians = <Round>(rounds: Rounds<Round>, of: (round: Round) => number) =>
  new Map([...rounds].map(([name, each]) => [name, median(each.map(of))]));
const cpu = (rounds: Rounds<HandshakeRound>) => medians(rounds, ({ cpuUs }) => cpuUs);
const ofMany = (of: (round: ManyCertificatesRound) => number) => medians(many, of);

const microseconds: Scale = { unit: 'µs', digits: 0, better: 'lower' };
const milliseconds: Scale = { unit: 'ms', digits: 1, better: 'lower' };
const perSecond: Scale = { unit: '/s', digits: 0, better: 'higher' };
const seconds: Scale = { unit: 's', digits: 2, better: 'lower' };
const megabytes: Scale = { unit: 'MB', digits: 0, better: 'lower' };
const none: Scale = { unit: '', digits: 0, better: 'lower' };
const metrics: readonly Metric[] = [
  { name: 'CPU, full handshake, P-256', ...microseconds, values: cpu(ecdsa.full) },
  { name: 'CPU, resumed handshake, P-256', ...microseconds, values: cpu(ecdsa.resumed) },
  { name: 'CPU, full handshake, RSA-2048', ...microseconds, values: cpu(rsa.full) },
  {
    ...{ name: 'Full handshakes, P-256', ...perSecond },
    values: medians(ecdsa.full, (each) => each.perSecond),
  },
  {
    ...{ name: `p50 at ${rate} handshakes/s`, ...milliseconds },
    values: medians(ecdsa.steady, ({ p50Ms }) => p50Ms),
  },
  {
    ...{ name: `p99 at ${rate} handshakes/s`, ...milliseconds },
    values: medians(ecdsa.steady, ({ p99Ms }) => p99Ms),
  },
  {
    ...{ name: `Start with ${hosts.toLocaleString('en')} certificates`, ...seconds },
    values: ofMany(({ readyMs }) => readyMs / 1000),
  },
  {
    ...{ name: 'Memory with them', ...megabytes },
    values: ofMany(({ bytesAtStart }) => bytesAtStart / 1048576),
  },
  {
    ...{ name: 'Memory once many were asked for', ...megabytes },
    values: ofMany(({ bytesAfter }) => bytesAfter / 1048576),
  },
  {
    ...{ name: 'Rotating one of them under load', ...milliseconds },
    values: ofMany(({ rotatedMs }) => rotatedMs),
  },
  {
    ...{ name: 'Handshakes that failed meanwhile', ...none },
    values: ofMany(({ failed }) => failed),
  },
];

const table = markdownTable(metrics, ours);
console.log(table);
if (!options.quick) {
  const root = new URL('../../../', import.meta.url);
  const readme = new URL('README.md', root);
  const title = `${present.join(', ')}: ${about}`;
  writeFileSync(new URL('docs/comparison.svg', root), barChart(title, metrics, ours));
  const plot = '![The figures of the table as bars](docs/comparison.svg)';
  const text = readFileSync(readme, 'utf8');
  writeFileSync(readme, withComparison(text, `${table}\n\n${about}.\n\n${plot}`));
}
