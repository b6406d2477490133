/**
 * What a client sent, before any of it is believed. Objects are Maps: a key such as `__proto__` is a
 * key like any other, and nothing is inherited.
 */
export type RawValue = string | number | boolean | null | RawObject | readonly RawValue[];

export type RawObject = Map<string, RawValue>;

/** Limits on what a body may hold, far above what any entity needs. */
export const bodyLimits = {
  /** Kong's limit (10 MiB). */
  bytes: 10 * 1024 * 1024,
  depth: 16,
  fields: 200,
  fieldNameBytes: 256,
} as const;

/**
 * Files `value` under a key that may be dotted. A leaf that is given twice becomes a list, which no
 * field accepts: neither of the two wins unseen.
 */
export function setPath(target: RawObject, key: string, value: RawValue): void {
  const path = key.split('.');
  let at = target;
  for (const step of path.slice(0, -1)) {
    const next = at.get(step);
    if (next instanceof Map) {
      at = next;
    } else if (next === undefined) {
      const fresh: RawObject = new Map();
      at.set(step, fresh);
      at = fresh;
    } else {
      at.set(step, [next, value]);
      return;
    }
  }
  const leaf = path.at(-1) ?? key;
  const earlier = at.get(leaf);
  if (earlier === undefined) at.set(leaf, value);
  else if (earlier instanceof Map && value instanceof Map) {
    for (const [inner, each] of value) setPath(earlier, inner, each);
  } else at.set(leaf, [earlier, value]);
}
