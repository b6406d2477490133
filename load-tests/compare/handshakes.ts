import { join } from 'node:path';
import { type ClientLoad, type ClientRun, HaproxyClient } from '../support/haproxy-client.js';
import { median, processCpuUs } from '../support/process-cpu.js';
import { benchCertificate, type KeyKind } from './bench-certificate.js';
import { commonOffer } from './common-offer.js';
import type { Contender } from './contender.js';
import { inScratch, start } from './servers.js';

export interface HandshakeRound extends ClientRun {
  /** Microseconds of CPU of all of the server's processes for one connection with one request. */
  readonly cpuUs: number;
}

export interface HandshakeComparison {
  readonly key: KeyKind;
  /** By the names of the servers. */
  readonly rounds: ReadonlyMap<string, readonly HandshakeRound[]>;
}

const host = 'bench.test';

/**
 * New connections with one small request each, to one server after the other in every round, so that
 * whatever else the machine does meets all of them. The first round warms up code and caches and is
 * not counted. All of the loads run against the same started servers.
 *
 * @returns for each of `loads` what each server made of it.
 */
export function compareHandshakes(
  servers: readonly string[],
  key: KeyKind,
  loads: readonly ClientLoad[],
  rounds: number,
): Promise<readonly HandshakeComparison[]> {
  return inScratch(async (directory) => {
    const contenders: Contender[] = [];
    let client: HaproxyClient | undefined;
    try {
      const binding = { host, certificate: benchCertificate(host, key) };
      for (const name of servers) contenders.push(await start(name, directory, [binding]));
      await commonOffer(contenders, host);
      const targets = contenders.map(({ name, port }) => ({ name, port, serverName: host }));
      client = await HaproxyClient.start(join(directory, 'client'), targets);
      const comparisons: HandshakeComparison[] = [];
      for (const load of loads) {
        comparisons.push({ key, rounds: await inTurns(client, contenders, load, rounds) });
      }
      return comparisons;
    } finally {
      await client?.stop();
      for (const contender of contenders) await contender.stop();
    }
  });
}

async function inTurns(
  client: HaproxyClient,
  contenders: readonly Contender[],
  load: ClientLoad,
  rounds: number,
): Promise<Map<string, HandshakeRound[]>> {
  const all = new Map<string, HandshakeRound[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const contender of contenders) {
      const measured = await measure(client, contender, load);
      if (round > 0) all.get(contender.name)?.push(measured);
    }
  }
  return all;
}

async function measure(
  client: HaproxyClient,
  { name, pids }: Contender,
  load: ClientLoad,
): Promise<HandshakeRound> {
  const cpuUs = () => pids().reduce((sum, pid) => sum + processCpuUs(pid), 0);
  const before = cpuUs();
  const run = await client.run(name, load);
  return { ...run, cpuUs: (cpuUs() - before) / run.connections };
}

export function medianOf(
  rounds: readonly HandshakeRound[] | undefined,
  of: (round: HandshakeRound) => number,
): number {
  return median(rounds?.map(of) ?? []);
}
