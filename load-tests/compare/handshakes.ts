import { join } from 'node:path';
import { type ClientLoad, type ClientRun, HaproxyClient } from '../support/haproxy-client.js';
import { processCpuUs } from '../support/process-cpu.js';
import { benchCertificate, type KeyKind } from './bench-certificate.js';
import { commonOffer } from './common-offer.js';
import type { Contender } from './contender.js';
import { inScratch, start } from './servers.js';

export interface HandshakeRound extends ClientRun {
  /** Microseconds of CPU of all of the server's processes for one connection with one request. */
  readonly cpuUs: number;
}

/** What each server made of a load, by its name. */
export type HandshakeRounds = ReadonlyMap<string, readonly HandshakeRound[]>;

const host = 'bench.test';

/**
 * New connections with one small request each, to one server after the other in every round, so that
 * whatever else the machine does meets all of them. The first round warms up code and caches and is
 * not counted. All of the loads run against the same started servers.
 */
export function compareHandshakes<Load extends string>(
  servers: readonly string[],
  key: KeyKind,
  loads: Readonly<Record<Load, ClientLoad>>,
  rounds: number,
): Promise<Readonly<Record<Load, HandshakeRounds>>> {
  return inScratch(async (directory) => {
    const contenders: Contender[] = [];
    let client: HaproxyClient | undefined;
    try {
      const binding = { host, certificate: benchCertificate(host, key) };
      for (const name of servers) contenders.push(await start(name, directory, [binding]));
      await commonOffer(contenders, host);
      const targets = contenders.map(({ name, port }) => ({ name, port, serverName: host }));
      client = await HaproxyClient.start(join(directory, 'client'), targets);
      const compared: [string, HandshakeRounds][] = [];
      for (const [name, load] of Object.entries<ClientLoad>(loads)) {
        compared.push([name, await inTurns(client, contenders, load, rounds)]);
      }
      return Object.fromEntries(compared) as Record<Load, HandshakeRounds>; // the keys of `loads`
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
): Promise<HandshakeRounds> {
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
