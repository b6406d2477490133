/** Numbers in [0, 1) that depend on the seed alone (mulberry32), so that a run can be repeated. */
export type Random = () => number;

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An integer in 0 … `below`-1. */
export function integer(random: Random, below: number): number {
  return Math.floor(random() * below);
}

export function oneOf<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[integer(random, items.length)];
  if (item === undefined) throw new RangeError('nothing to choose from');
  return item;
}
