import { parseArgs } from 'node:util';
import { type BenchedProxy, ProxyBench } from '../support/proxy-bench.js';
import { bar, machine, quantile } from '../support.js';

/**
 * What metrics and the access log cost: CPU time per proxied keep-alive HTTPS request of a gateway that
 * has them against one that has neither, in interleaved short rounds. Two processes that are alike differ
 * as well, by the order in which their code happened to be compiled: a twin shows by how much, and every
 * set of rounds starts all of them anew. Expects Debian's nginx and openssl.
 */
const { values } = parseArgs({
  options: {
    sets: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '1' },
  },
});
const sets = Number(values.sets);
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
/** Rounds in which code is compiled and connections are made; not counted. */
const warmUpRounds = 2;
const most = 1.05;
const traffic = { path: '/small', connections: 32 };

const neither = { metrics: false, accessLog: false };
const twinName = 'neither, once more';
const observed = [
  { name: 'metrics', options: { metrics: true, accessLog: false } },
  { name: 'access log', options: { metrics: false, accessLog: true } },
  { name: 'metrics and access log', options: { metrics: true, accessLog: true } },
];

interface Compared {
  /** CPU time per request in each round, in microseconds. */
  readonly cpuUs: number[];
  /** That of the rounds by what the gateway without either needed in the same turn. */
  readonly quotients: number[];
}
const base: number[] = [];
const compared = new Map<string, Compared>(
  [twinName, ...observed.map(({ name }) => name)].map((name) => [
    name,
    { cpuUs: [], quotients: [] },
  ]),
);

async function runSet(): Promise<void> {
  const bench = await ProxyBench.start();
  try {
    const plain = await bench.signet('neither', neither);
    const twin = await bench.signet(twinName, neither);
    const others: BenchedProxy[] = [twin];
    for (const { name, options } of observed) others.push(await bench.signet(name, options));
    const all = [plain, ...others];
    for (let round = 0; round < warmUpRounds + rounds; round++) {
      // Nobody is always next to the same one: a turn begins with another of them each time.
      const turn = all.map((_, n) => all[(n + round) % all.length] as BenchedProxy);
      const cpu = new Map<BenchedProxy, number>();
      for (const proxy of turn) cpu.set(proxy, (await bench.round(proxy, traffic, seconds)).cpuUs);
      if (round < warmUpRounds) continue;
      const of = (proxy: BenchedProxy) => cpu.get(proxy) ?? Number.NaN;
      base.push(of(plain));
      for (const proxy of others) {
        // The mean of two that are alike is a steadier measure than either of them.
        const neitherUs = proxy === twin ? of(plain) : (of(plain) + of(twin)) / 2;
        compared.get(proxy.name)?.cpuUs.push(of(proxy));
        compared.get(proxy.name)?.quotients.push(of(proxy) / neitherUs);
      }
    }
  } finally {
    await bench.close();
  }
}

const micro = (us: number) => us.toFixed(1).padStart(6);
const spread = (of: readonly number[], digits: number) =>
  `${quantile(of, 0.25).toFixed(digits)} to ${quantile(of, 0.75).toFixed(digits)}`;

console.log(machine());
for (let set = 0; set < sets; set++) await runSet();
console.log(
  `small body, ${traffic.connections} connections, ${sets} × ${rounds} rounds of ${seconds} s; median, middle half`,
);
console.log(`  ${'neither'.padEnd(24)} ${micro(quantile(base, 0.5))} µs, ${spread(base, 1)}`);
for (const [name, { cpuUs, quotients }] of compared) {
  console.log(
    `  ${name.padEnd(24)} ${micro(quantile(cpuUs, 0.5))} µs, ${spread(cpuUs, 1)}; ` +
      `${quantile(quotients, 0.5).toFixed(3)} × neither, ${spread(quotients, 3)}`,
  );
}
const cost = quantile(compared.get('metrics and access log')?.quotients ?? [], 0.5);
console.log(`  both cost ${cost.toFixed(3)} × neither: ${bar(cost <= most, `bar: ≤ ${most}`)}`);
