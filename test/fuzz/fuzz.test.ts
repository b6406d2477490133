import { describe, expect, it } from 'vitest';
import { runTarget } from './run-target.js';
import { targets } from './targets.js';

/**
 * The short form of `npm run fuzz`: always the same changes, as many as the time allows. All targets
 * together stay under 20 s.
 */
const seed = 20_26;
const timeLimitMs = Math.floor(13_000 / targets.length);

describe('hostile input', () => {
  it.each(targets)('does not break, hang or fill $name', async (target) => {
    const report = await runTarget(target, { cases: 2_000, seed, timeLimitMs });
    expect(report.failure).toBeUndefined();
    expect(report.cases).toBeGreaterThan(0);
  });
});
