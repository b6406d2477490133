import { describe, expect, it } from 'vitest';
import { LastAnswer } from '../../data-plane/proxy/client/last-answer.js';

function leaving() {
  const last = new LastAnswer();
  last.leaves('192.0.2.1');
  return last;
}

describe('a last answer', () => {
  it('is not awaited any more once its connection has closed', () => {
    const last = leaving();
    expect(last.isLeaving).toBe(true);
    last.closed();
    expect(last.isLeaving).toBe(false);
    expect(last.mayLeaveAtOnce(0)).toBe(true);
  });

  it('precedes the request that comes from its client before the close, and no other', () => {
    const last = leaving();
    expect(last.precedes('192.0.2.1', 0)).toBe(true);
    expect(last.isLeaving).toBe(false);
  });

  it('precedes no request from another address', () => {
    const last = leaving();
    expect(last.precedes('192.0.2.2', 0)).toBe(false);
    expect(last.isLeaving).toBe(false);
  });

  it.each(['192.0.2.1', '192.0.2.2'])('waits for a while after a doubt (%s)', (peer) => {
    const last = leaving();
    last.precedes(peer, 1_000);
    expect(last.mayLeaveAtOnce(15_999)).toBe(false);
    expect(last.mayLeaveAtOnce(16_000)).toBe(true);
  });
});
