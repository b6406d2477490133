import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EndpointHealth } from '../../data-plane/proxy/upstream/endpoint-health.js';

const limits = { ejectAfterFailures: 3, ejectForMs: 1000, maxEjectForMs: 5000 };

describe('the health of an endpoint', () => {
  it('ejects after failures in a row, not after as many with a success between', () => {
    const health = new EndpointHealth(limits);
    expect([health.failed(1), health.failed(2)]).toEqual([undefined, undefined]);
    health.succeeded(3);
    expect([health.failed(4), health.failed(5), health.failed(6)]).toEqual([
      undefined,
      undefined,
      1000,
    ]);
    expect([health.isEjected(1005), health.isEjected(1006)]).toEqual([true, false]);
  });

  it('ejects at the first failure after a return, twice as long each time, up to the bound', () => {
    const health = new EndpointHealth({ ...limits, ejectAfterFailures: 1 });
    let now = 0;
    const times = [1, 2, 3, 4, 5].map(() => {
      const forMs = health.failed(now) ?? 0;
      now += forMs;
      return forMs;
    });
    expect(times).toEqual([1000, 2000, 4000, 5000, 5000]);
    now += 5000;
    expect(health.failed(now)).toBe(1000);
  });

  it('learns nothing from answers to what was sent before the ejection', () => {
    const health = new EndpointHealth({ ...limits, ejectAfterFailures: 1 });
    expect(health.failed(0)).toBe(1000);
    expect(health.failed(500)).toBeUndefined();
    health.succeeded(600);
    expect(health.isEjected(999)).toBe(true);
    expect(health.failed(1000)).toBe(2000);
  });

  it('tells of its return once', () => {
    const health = new EndpointHealth({ ...limits, ejectAfterFailures: 1 });
    expect(health.hasReturned(0)).toBe(false);
    health.failed(0);
    expect([999, 1000, 1001].map((now) => health.hasReturned(now))).toEqual([false, true, false]);
  });

  it('is never away for longer than the bound, whatever happens', () => {
    const step = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 3000 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const health = new EndpointHealth(limits);
        let now = 0;
        for (const [isGood, ms] of steps) {
          now += ms;
          if (isGood) health.succeeded(now);
          else expect(health.failed(now) ?? 0).toBeLessThanOrEqual(limits.maxEjectForMs);
          expect(health.isEjected(now + limits.maxEjectForMs)).toBe(false);
        }
        expect(health.hasReturned(now + 5000) || !health.hasReturned(now + 5000)).toBe(true);
        expect(health.isForgettable(now + 5001)).toBe(true);
      }),
    );
  });
});
