import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PersistentMap } from '../../control-plane/domain/persistent-map.js';
import { PersistentRelation } from '../../control-plane/domain/persistent-relation.js';

// Few keys, so that entries of the base are changed, deleted and come back.
const key: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd');
const base = fc.uniqueArray(fc.tuple(key, fc.nat(9)), { selector: ([each]) => each });
const changes = fc.array(fc.tuple(key, fc.option(fc.nat(9), { nil: undefined })));

describe('PersistentMap', () => {
  it('holds what a map holds after the same changes, and every earlier one what it held', () => {
    fc.assert(
      fc.property(base, changes, (entries, steps) => {
        let map = new PersistentMap(new Map(entries));
        const model = new Map(entries);
        const versions = [{ map, expected: new Map(model) }];
        for (const [each, value] of steps) {
          map = value === undefined ? map.delete(each) : map.set(each, value);
          if (value === undefined) model.delete(each);
          else model.set(each, value);
          versions.push({ map, expected: new Map(model) });
        }
        for (const version of versions) expectHolds(version.map, version.expected);
      }),
      { numRuns: 300 },
    );
  });
});

describe('PersistentRelation', () => {
  it('relates what sets of the same pairs do', () => {
    const pair = fc.tuple(key, key);
    const step = fc.tuple(fc.boolean(), pair);
    fc.assert(
      fc.property(fc.array(pair), fc.array(step), (pairs, steps) => {
        let relation = PersistentRelation.of(pairs);
        const model = new Set(pairs.map(([from, to]) => `${from} ${to}`));
        for (const [isAdded, [from, to]] of steps) {
          relation = isAdded ? relation.add(from, to) : relation.remove(from, to);
          if (isAdded) model.add(`${from} ${to}`);
          else model.delete(`${from} ${to}`);
        }
        const listed = [...relation].flatMap(([from, all]) => all.map((to) => `${from} ${to}`));
        expect(listed.sort()).toEqual([...model].sort());
        expect(relation.size).toBe([...relation.keys()].length);
        for (const from of ['a', 'b', 'c', 'd']) {
          const members = [...model].filter((each) => each.startsWith(from));
          expect(relation.has(from)).toBe(members.length > 0);
          expect(relation.membersOf(from).length).toBe(members.length);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function expectHolds(map: PersistentMap<string, number>, expected: ReadonlyMap<string, number>) {
  expect(new Map(map)).toEqual(expected);
  expect(map.size).toBe(expected.size);
  expect(new Set(map.keys())).toEqual(new Set(expected.keys()));
  expect([...map.values()].sort()).toEqual([...expected.values()].sort());
  for (const each of ['a', 'b', 'c', 'd']) {
    expect(map.get(each)).toBe(expected.get(each));
    expect(map.has(each)).toBe(expected.has(each));
  }
}
