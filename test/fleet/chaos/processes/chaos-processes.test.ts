import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../support/eventually.js';
import { seededRandom } from '../../../support/random.js';
import type { Upload } from './certificate-history.js';
import { ProcessFleet } from './process-fleet.js';
import { carryOut, planSchedule } from './schedule.js';
import { Witness } from './witness.js';

/** The nightly run sets 200, and another first seed if it likes; a seed names a schedule. */
const nightly = process.env['SIGNET_CHAOS_SCHEDULES'];
const schedules = Number(nightly ?? 20);
const firstSeed = Number(process.env['SIGNET_CHAOS_SEED'] ?? 1);
const size = { nodes: 2, planes: 2, hosts: 4 };
const convergesWithinMs = 1_000;
const patience = { withinMs: 10 * convergesWithinMs, everyMs: 2 };
/** Beside other tests, two cores may be busy with something else. */
const givenMs = nightly === undefined ? 10_000 : convergesWithinMs;

describe('chaos among processes', () => {
  let fleet: ProcessFleet;
  let witness: Witness;
  const taken: number[] = [];

  beforeAll(async () => {
    fleet = await ProcessFleet.start({ ...size, random: seededRandom(firstSeed) });
    witness = new Witness(fleet);
    await settle();
    witness.start();
  }, 120_000);

  afterAll(async () => {
    await witness?.stop();
    await fleet?.close();
    const sorted = taken.toSorted((left, right) => left - right).map(Math.round);
    const [p50, worst] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
    console.info(
      `${sorted.length} schedules, the same everywhere after ${p50} ms (median), ${worst} ms (worst); ` +
        `${witness?.handshakes} handshakes`,
    );
  }, 60_000);

  const seeds = Array.from({ length: schedules }, (_, index) => firstSeed + index);
  it.each(seeds)('schedule %i keeps every promise', { timeout: 60_000 }, async (seed) => {
    const steps = planSchedule(seed, size);
    try {
      await carryOut(steps, fleet, witness);
      await fleet.heal();
      const takenMs = await settle();
      taken.push(takenMs);
      expect(witness.violations.splice(0)).toEqual([]);
      expect(takenMs).toBeLessThan(givenMs);
    } catch (error) {
      const told = steps.map((step) => JSON.stringify(step)).join('\n');
      throw new Error(`schedule ${seed}:\n${told}`, { cause: error });
    }
  });

  /** Waits until every node holds and shows what is bound. @returns how long that took. */
  async function settle(): Promise<number> {
    const healedAt = performance.now();
    const bound = new Map<string, Upload>();
    for (const host of fleet.history.hosts) {
      const acknowledged = fleet.history.lastAcknowledged(host)?.serial ?? -1;
      // The control plane that is asked may be the one that has not yet read what the other has written.
      const upload = await eventually(async () => {
        const found = (await fleet.boundTo(host)) ?? expect.fail('bound to what nobody uploaded');
        expect(found.serial, 'an acknowledged write is lost').toBeGreaterThanOrEqual(acknowledged);
        return found;
      }, patience);
      bound.set(host, upload);
    }
    await eventually(async () => expect(await unsettled(bound)).toEqual([]), patience);
    for (const node of fleet.nodes) node.isTorn = false;
    return performance.now() - healedAt;
  }

  async function unsettled(bound: ReadonlyMap<string, Upload>): Promise<string[]> {
    const held = await Promise.all(fleet.nodes.map((node) => node.held()));
    if (new Set(held.map(({ digest }) => digest)).size > 1) return ['digests differ'];
    const missing: string[] = [];
    for (const node of fleet.nodes) {
      for (const [host, upload] of bound) {
        const fault = await witness.faultIn(node, host, upload);
        if (fault !== undefined) missing.push(`${node.name}: ${host} ${fault}`);
      }
    }
    return missing;
  }
});
