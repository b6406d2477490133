import { describe, expect, it } from 'vitest';
import { ActiveForwardings } from '../../data-plane/proxy/forwarding/active-forwardings.js';

function setup(count: number) {
  const active = new ActiveForwardings();
  const checked: number[] = [];
  const items = Array.from({ length: count }, (_, n) => ({
    slot: -1,
    checkDeadline: (_now: number) => {
      checked.push(n);
    },
  }));
  for (const item of items) active.add(item);
  const check = () => {
    checked.length = 0;
    active.checkDeadlines(0);
    return checked.sort();
  };
  return { active, items, check };
}

describe('active forwardings', () => {
  it('are all checked but for those that were deleted, some of them twice', () => {
    const { active, items, check } = setup(4);
    const [first, , third] = items;
    if (first === undefined || third === undefined) throw new Error('too few');
    active.delete(first);
    active.delete(first);
    active.delete(third);
    expect(check()).toEqual([1, 3]);
    active.add(first);
    expect(check()).toEqual([0, 1, 3]);
  });

  it('may end while they are checked, and none of the others is passed over', () => {
    const { active, items, check } = setup(5);
    for (const [n, item] of items.entries()) {
      const { checkDeadline } = item;
      item.checkDeadline = (now) => {
        checkDeadline(now);
        if (n % 2 === 0) active.delete(item);
      };
    }
    expect(check()).toEqual([0, 1, 2, 3, 4]);
    expect(check()).toEqual([1, 3]);
  });
});
