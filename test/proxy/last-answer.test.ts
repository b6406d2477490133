import { describe, expect, it } from 'vitest';
import { LastAnswer } from '../../data-plane/proxy/client/last-answer.js';

describe('a last answer', () => {
  it('precedes no request once its connection has closed', () => {
    const last = new LastAnswer();
    last.leaves();
    last.closed();
    expect(last.precedes(0)).toBe(false);
    expect(last.mayLeaveAtOnce(0)).toBe(true);
  });

  it('precedes the request that comes before the close, and no other', () => {
    const last = new LastAnswer();
    last.leaves();
    expect(last.precedes(0)).toBe(true);
    expect(last.precedes(0)).toBe(false);
  });

  it('waits for a while after it preceded one: a client could have others cut', () => {
    const last = new LastAnswer();
    last.leaves();
    last.precedes(1_000);
    expect(last.mayLeaveAtOnce(15_999)).toBe(false);
    expect(last.mayLeaveAtOnce(16_000)).toBe(true);
  });
});
