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
      const began = performance.now();
      await prepared.run(input);
      const tookMs = performance.now() - began;
      slowestMs = Math.max(slowestMs, tookMs);
      if (tookMs > hangMs) throw new Error(`took ${Math.round(tookMs)} ms`);
      cases += 1;
      if (cases === warmUpCases) baseline = liveBytes();
    });
    const outcome = await fc.check(property, {
      seed: options.seed,
      numRuns: options.cases,
      ...(options.timeLimitMs !== undefined && { interruptAfterTimeLimit: options.timeLimitMs }),
      markInterruptAsFailure: false,
    });
    const grownBytes = cases <= warmUpCases ? 0 : liveBytes() - baseline;
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

function liveBytes(): number {
  // Only there with --expose-gc; without it the figure has some noise.
  globalThis.gc?.();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers);
}
