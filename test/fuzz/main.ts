import { parseArgs } from 'node:util';
import { fuzzInThread } from './fuzz-thread.js';
import { type FuzzReport, hangMs } from './run-target.js';
import { targets } from './targets.js';

/**
 * `npm run fuzz -- [--cases N] [--seed N] [--target NAME]…`: the long form of the fuzz tests. Cases are
 * spread over the targets by their share. Each runs in a thread of its own, so that a hang is told too.
 */
const maxGrownBytes = 50 * 1024 * 1024;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    target: { type: 'string', multiple: true },
  },
});
const seed = Number(values.seed);
const chosen = targets.filter(({ name }) => values.target?.includes(name) ?? true);
if (chosen.length === 0) {
  throw new Error(`no such target; there are ${targets.map(({ name }) => name).join(', ')}`);
}
const shares = chosen.reduce((sum, { share }) => sum + share, 0);

console.log(`seed ${seed}`);
let failures = 0;
let total = 0;
for (const { name, share } of chosen) {
  const cases = Math.ceil((Number(values.cases) * share) / shares);
  const began = performance.now();
  const report = await fuzzInThread({ target: name, cases, seed });
  const seconds = (performance.now() - began) / 1_000;
  total += report.cases;
  const problem = problemOf(report);
  if (problem !== undefined) failures += 1;
  console.log(
    `${name.padEnd(20)} ${String(report.cases).padStart(8)} cases ${seconds.toFixed(1).padStart(6)} s` +
      `  slowest ${report.slowestMs.toFixed(0)} ms  grown ${(report.grownBytes / 1024 / 1024).toFixed(1)} MB` +
      (problem === undefined ? '' : `\n  ${problem}`),
  );
}
console.log(`${total} cases, ${failures} target(s) at fault`);
process.exitCode = failures === 0 ? 0 : 1;

function problemOf(report: FuzzReport): string | undefined {
  if (report.failure !== undefined) return report.failure;
  if (report.slowestMs > hangMs) return `a case took more than ${hangMs} ms`;
  if (report.grownBytes > maxGrownBytes) return 'memory grew beyond 50 MB';
  return undefined;
}
