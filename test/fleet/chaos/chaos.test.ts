import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { integer, oneOf, type Random, seededRandom } from '../../support/random.js';
import { ChaosCluster } from './chaos-cluster.js';

/**
 * In one process: what dies is simulated, and clocks can really jump. The same among processes is beside
 * it. The nightly run sets 200, and another first seed if it likes; a seed names a schedule.
 */
const schedules = Number(process.env['SIGNET_CHAOS_SCHEDULES'] ?? 10);
const firstSeed = Number(process.env['SIGNET_CHAOS_SEED'] ?? 1);
const stepsPerSchedule = 14;
const convergesWithinMs = 1000;
const dayMs = 86_400_000;

type Fault = (cluster: ChaosCluster, random: Random) => unknown;

const faults: Readonly<Record<string, Fault>> = {
  'kill a node': async ({ someNode }) => {
    await someNode.kill();
  },
  'kill a node and start it at once': async ({ someNode }) => {
    await someNode.kill();
    await someNode.start();
  },
  'kill the control plane': async (cluster, random) => {
    await cluster.killPlane();
    await delay(integer(random, 60));
    await cluster.startPlane();
  },
  'cut a link': ({ someNode }) => {
    someNode.wire.mode = 'cut';
  },
  'slow a link down': ({ someNode }) => {
    someNode.wire.mode = 'slow';
  },
  'mend a link': ({ someNode }) => {
    someNode.wire.mode = 'pass';
  },
  'connect twice': ({ someNode }, random) => someNode.connectTwice(random),
  'tear a store': async ({ someNode }, random) => {
    await someNode.kill();
    someNode.tearStore(random);
    await someNode.start();
  },
  'upload poison': (cluster) => cluster.uploadPoison(),
  'let clocks jump': ({ someNode, plane }, random) => {
    const byMs = (integer(random, 80) - 40) * dayMs;
    if (random() < 0.5) someNode.jumpClock(byMs);
    else plane.clock.offsetMs = byMs;
  },
};

async function runSchedule(seed: number): Promise<number> {
  const random = seededRandom(seed);
  const directory = await mkdtemp(join(tmpdir(), 'signet-test-'));
  const cluster = new ChaosCluster({ directory, nodes: 3, hosts: 4, random });
  const told: string[] = [];
  try {
    await cluster.start();
    for (let step = 0; step < stepsPerSchedule; step += 1) {
      if (random() < 0.5) {
        told.push(`upload ${await cluster.upload()}`);
      } else {
        const [name, fault] = oneOf(random, Object.entries(faults));
        told.push(name);
        await fault(cluster, random);
      }
      await delay(integer(random, 25));
    }
    const healedAt = performance.now();
    for (const node of cluster.nodes) node.wire.mode = 'pass';
    await Promise.all(cluster.nodes.map((node) => node.start()));
    await eventually(() => expect(unsettled(cluster)).toEqual([]), {
      withinMs: 5 * convergesWithinMs,
      everyMs: 2,
    });
    const takenMs = performance.now() - healedAt;
    checkInvariants(cluster);
    return takenMs;
  } catch (error) {
    throw new Error(`schedule ${seed}: ${told.join(', ')}`, { cause: error });
  } finally {
    await cluster.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** What still differs: digests as nodes have them and have acknowledged them, certificates as they are shown. */
function unsettled({ nodes, plane, hosts, poison, acknowledged }: ChaosCluster): string[] {
  const digest = plane.feed.head?.digest;
  const acks = plane.registry.nodes().filter((node) => node.digest !== digest);
  return [
    ...acks.map(({ name }) => `${name} has not acknowledged`),
    ...nodes.flatMap((node) => (node.digest === digest ? [] : `${node.name} holds something else`)),
    ...nodes.flatMap((node) =>
      hosts.flatMap((host) => {
        const bound = acknowledged.get(host);
        const isShown = node.shown.get(host) === bound;
        return isShown || (bound && poison.has(bound)) ? [] : `${node.name}: another ${host}`;
      }),
    ),
  ];
}

function checkInvariants({ state, hosts, poison, acknowledged, nodes }: ChaosCluster): void {
  for (const host of hosts) {
    const api = state.apiIdByHost.get(host) ?? expect.fail('an acknowledged API is lost');
    const plugin = state.plugins.get(state.pluginIdByScope.get(api) ?? expect.fail('no plugin'));
    const bound = plugin?.config.certificateId;
    expect(bound, 'an acknowledged write is lost').toBe(acknowledged.get(host));
    for (const node of nodes) {
      expect(node.violations).toEqual([]);
      // A poison entry touches its own host only: that one shows its last good certificate, or the
      // default one where the node's memory of it was torn.
      const shown = node.shown.get(host);
      if (shown !== undefined) expect(poison.has(shown)).toBe(false);
    }
  }
}

describe('chaos in one process', () => {
  const seeds = Array.from({ length: schedules }, (_, index) => firstSeed + index);
  it.each(seeds)('schedule %i keeps every promise', { timeout: 60_000 }, async (seed) => {
    expect(await runSchedule(seed)).toBeLessThan(convergesWithinMs);
  });
});
