import { setImmediate } from 'node:timers/promises';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import type { FuzzTarget } from './fuzz-target.js';

export interface FuzzOptions {
  readonly cases: number;
  readonly seed: number;
  /** Stops early, with the cases so far. */
  readonly timeLimitMs?: number;
  /** Told before each case, so that another thread can tell a hang. */
  readonly onCase?: (input: Uint8Array) => void;
}

export interface FuzzReport {
  readonly target: string;
  readonly cases: number;
  readonly slowestMs: number;
  /** Growth of the live heap and of memory outside of it, from after the warm-up to the end. */
  readonly grownBytes: number;
  readonly failure?: string;
}

/** A case that takes longer counts as a hang. */
export const hangMs = 1_000;
const warmUpCases = 500;
const casesPerTurn = 100;

/**
 * Runs one target; the same seed makes the same changes. Targets whose samples are minted afresh (keys)
 * differ in those, so a failure shows its whole input.
 */
export async function runTarget(target: FuzzTarget, options: FuzzOptions): Promise<FuzzReport> {
  const prepared = await target.prepare();
  let cases = 0;
  let slowestMs = 0;
  let baseline = 0;
  try {
    const property = fc.asyncProperty(prepared.inputs, async (input) => {
      options.onCase?.(input);
      const began = process.cpuUsage();
      await prepared.run(input);
      // Of the processor, not of the clock: on a busy machine a case may have to wait for its turn.
      const { user, system } = process.cpuUsage(began);
      const tookMs = (user + system) / 1_000;
      slowestMs = Math.max(slowestMs, tookMs);
      if (tookMs > hangMs) throw new Error(`took ${Math.round(tookMs)} ms`);
      cases += 1;
      // What is to be closed or forgotten at the end of a turn gets its turn.
      if (cases % casesPerTurn === 0) await setImmediate();
      if (cases === warmUpCases) baseline = await liveBytes();
    });
    const outcome = await fc.check(property, {
      seed: options.seed,
      numRuns: options.cases,
      ...(options.timeLimitMs !== undefined && { interruptAfterTimeLimit: options.timeLimitMs }),
      markInterruptAsFailure: false,
    });
    const grownBytes = cases <= warmUpCases ? 0 : (await liveBytes()) - baseline;
    const failure = outcome.failed ? { failure: describe(outcome) } : {};
    return { target: target.name, cases, slowestMs, grownBytes, ...failure };
  } finally {
    await prepared.dispose?.();
  }
}

function describe(outcome: fc.RunDetails<[Uint8Array]>): string {
  const [input] = outcome.counterexample ?? [];
  const error = outcome.errorInstance;
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const shown = input === undefined ? 'none' : showInput(input);
  return `${reason}\nseed ${outcome.seed}, path ${outcome.counterexamplePath}, input ${shown}`;
}

/** Text where it is short; else its deflated bytes, so that a whole database fits on a screen. */
export function showInput(input: Uint8Array): string {
  if (input.length <= 500) return JSON.stringify(Buffer.from(input).toString('latin1'));
  return `inflateSync(Buffer.from('${deflateSync(input).toString('base64')}', 'base64'))`;
}

async function liveBytes(): Promise<number> {
  // What the first collection finds dead may keep other things alive until the next turn.
  for (let round = 0; round < 3; round++) {
    // Only there with --expose-gc; without it the figure has some noise.
    globalThis.gc?.();
    await setImmediate();
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers);
}
