import { parseArgs } from 'node:util';
import { median } from '../support/process-cpu.js';
import { type BenchedProxy, ProxyBench, type Round, type Traffic } from '../support/proxy-bench.js';
import { bar, machine } from '../support.js';

/**
 * CPU time per proxied keep-alive HTTPS request: ours against nginx's, and ours with 10,000 APIs against
 * ours with one, in interleaved rounds of one run; and p99 at a fixed rate. The bars are against an nginx
 * that adds no more fields than a proxy needs; one that adds as many as we do is printed beside it.
 * Expects Debian's nginx and openssl.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    'warm-ups': { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    rate: { type: 'string', default: '3000' },
  },
});
const rounds = Number(values.rounds);
/** Rounds of each that don't count: what V8 has not optimised yet costs a tenth more. */
const warmUps = Number(values['warm-ups']);
const seconds = Number(values.seconds);

const bench = await ProxyBench.start();
const nginx = await bench.nginx('nginx');
const nginxWithFields = await bench.nginx('nginx with our fields', true);
const signet = await bench.signet('signet');

/** The rounds of each proxy; those that warm up code, pools and caches are left out. */
async function inTurns(proxies: readonly BenchedProxy[], traffic: Traffic): Promise<Round[][]> {
  const all: Round[][] = proxies.map(() => []);
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const [n, proxy] of proxies.entries()) {
      const figures = await bench.round(proxy, traffic, seconds);
      if (round >= warmUps) all[n]?.push(figures);
    }
  }
  for (const [n, { name }] of proxies.entries()) {
    const each = (of: (round: Round) => number) => median(all[n]?.map(of) ?? []);
    console.log(
      `  ${name.padEnd(24)} ${each(({ cpuUs }) => cpuUs)
        .toFixed(1)
        .padStart(8)} µs CPU, ` +
        `${each(({ perSecond }) => perSecond).toFixed(0)} requests/s, ` +
        `p99 ${each(({ p99Ms }) => p99Ms).toFixed(1)} ms`,
    );
  }
  return all;
}

/** The median of the quotients of rounds that were run next to each other. */
function quotient(ours: readonly Round[], theirs: readonly Round[], of: (round: Round) => number) {
  return median(ours.map((round, n) => of(round) / of(theirs[n] ?? round)));
}

function judge(value: number, most: number, what: string): void {
  console.log(`  ${value.toFixed(2)} × ${what}: ${bar(value <= most, `bar: ≤ ${most}`)}`);
}

const cpu = ({ cpuUs }: Round) => cpuUs;

try {
  console.log(machine());
  const sizes = [
    { title: 'small body', traffic: { path: '/small', connections: 32 }, most: 1.1 },
    { title: '64 KB body', traffic: { path: '/64k', connections: 16 }, most: 1.3 },
    { title: '10 MB body', traffic: { path: '/10m', connections: 4 }, most: 1.5 },
  ];
  for (const { title, traffic, most } of sizes) {
    console.log(`${title}, ${traffic.connections} connections, ${rounds} rounds of ${seconds} s`);
    const [theirs = [], ours = [], same = []] = await inTurns(
      [nginx, signet, nginxWithFields],
      traffic,
    );
    judge(quotient(ours, theirs, cpu), most, "nginx's CPU");
    console.log(`  ${quotient(ours, same, cpu).toFixed(2)} × that of nginx with our fields`);
  }

  const rate = Number(values.rate);
  console.log(`small body at ${rate} requests/s`);
  const steady = { path: '/small', connections: 32, rate };
  const [theirs = [], ours = []] = await inTurns([nginx, signet], steady);
  judge(
    quotient(ours, theirs, ({ p99Ms }) => p99Ms),
    1.5,
    "nginx's p99",
  );

  console.log('small body, ours');
  const many = await bench.signet('with 10,000 APIs', { apis: 10_000 });
  const small = { path: '/small', connections: 32 };
  const [plain = [], full = []] = await inTurns([signet, many], small);
  judge(quotient(full, plain, cpu), 1.05, 'the CPU with one API');
} finally {
  await bench.close();
}
