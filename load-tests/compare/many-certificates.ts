import { drive } from '../support/handshake-driver.js';
import { ManyCertificates, manyHost } from '../support/many-certificates.js';
import { proportionalBytes } from '../support/process-cpu.js';
import type { Binding, Contender } from './contender.js';
import { inScratch, start, untilShown } from './servers.js';

export interface ManyCertificatesRound {
  /** From the start of the processes to the first handshake. */
  readonly readyMs: number;
  /** Memory of all processes then, and once clients have asked for names at random. */
  readonly bytesAtStart: number;
  readonly bytesAfter: number;
  /** From telling the server of one new certificate to the first handshake that shows it. */
  readonly rotatedMs: number;
  readonly handshakes: number;
  readonly failed: number;
}

export interface ManyCertificatesOptions {
  readonly hosts: number;
  /** Handshakes a second while one certificate is rotated. */
  readonly rate: number;
  /** How long that load lasts at least. */
  readonly seconds: number;
}

/** Starts each server with very many certificates and rotates one of them under load, in turns. */
export async function compareManyCertificates(
  servers: readonly string[],
  options: ManyCertificatesOptions,
  rounds: number,
): Promise<ReadonlyMap<string, readonly ManyCertificatesRound[]>> {
  const mint = new ManyCertificates();
  const bindings = Array.from({ length: options.hosts }, (_, n) => ({
    host: manyHost(n),
    certificate: mint.next(n),
  }));
  const all = new Map<string, ManyCertificatesRound[]>(servers.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of servers) {
      const measured = await inScratch((directory) =>
        measure(name, directory, bindings, mint, options),
      );
      all.get(name)?.push(measured);
    }
  }
  return all;
}

async function measure(
  name: string,
  directory: string,
  bindings: readonly Binding[],
  mint: ManyCertificates,
  { hosts, rate, seconds }: ManyCertificatesOptions,
): Promise<ManyCertificatesRound> {
  const server = await start(name, directory, bindings);
  try {
    const bytesAtStart = memoryOf(server);
    const load = new SteadyLoad(server.port, rate, hosts);
    const loaded = load.run();
    const enough = new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const victim = Math.floor(hosts / 2);
    const certificate = mint.next(victim);
    const startedAt = performance.now();
    await server.rotate(victim, certificate);
    await untilShown(server, manyHost(victim), certificate.fingerprint256);
    const rotatedMs = performance.now() - startedAt;
    await enough;
    load.stop();
    const { handshakes, failed } = await loaded;
    const bytesAfter = memoryOf(server);
    return { readyMs: server.readyMs, bytesAtStart, bytesAfter, rotatedMs, handshakes, failed };
  } finally {
    await server.stop();
  }
}

function memoryOf({ pids }: Contender): number {
  return pids().reduce((sum, pid) => sum + proportionalBytes(pid), 0);
}

/** Handshakes with random names, until stopped. */
class SteadyLoad {
  readonly #port: number;
  readonly #rate: number;
  readonly #hosts: number;
  #isStopped = false;

  constructor(port: number, rate: number, hosts: number) {
    this.#port = port;
    this.#rate = rate;
    this.#hosts = hosts;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async run(): Promise<{ handshakes: number; failed: number }> {
    let handshakes = 0;
    let failed = 0;
    while (!this.#isStopped) {
      const driven = await drive({
        port: this.#port,
        connections: 8,
        seconds: 1,
        rate: this.#rate,
        next: () => ({ name: manyHost(Math.floor(Math.random() * this.#hosts)) }),
      });
      handshakes += driven.handshakes;
      failed += driven.failed;
    }
    return { handshakes, failed };
  }
}
