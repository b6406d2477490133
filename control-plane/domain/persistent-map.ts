import { Map as ImmutableMap } from 'immutable';

/** Stands among the changes for an entry of the base that is gone. */
const deleted = Symbol('deleted');

/**
 * A map that is never changed: `set` and `delete` answer another one, which shares all that is equal.
 *
 * What it was made from lies in a plain map; a trie on top of it holds the entries that differ since.
 * A trie alone would do, but to build ten of a hundred thousand entries each was half of the time and
 * half of the memory that a start from a snapshot took.
 */
export class PersistentMap<Key, Value> implements Iterable<readonly [Key, Value]> {
  readonly size: number;
  readonly #base: ReadonlyMap<Key, Value>;
  readonly #changes: ImmutableMap<Key, Value | typeof deleted>;

  /** `base` must not change any more. */
  constructor(
    base: ReadonlyMap<Key, Value> = new Map(),
    changes: ImmutableMap<Key, Value | typeof deleted> = ImmutableMap(),
    size = base.size,
  ) {
    this.#base = base;
    this.#changes = changes;
    this.size = size;
  }

  get(key: Key): Value | undefined {
    const changed = this.#changes.get(key);
    if (changed === undefined) return this.#base.get(key);
    return changed === deleted ? undefined : changed;
  }

  has(key: Key): boolean {
    const changed = this.#changes.get(key);
    return changed === undefined ? this.#base.has(key) : changed !== deleted;
  }

  set(key: Key, value: Value): PersistentMap<Key, Value> {
    const size = this.has(key) ? this.size : this.size + 1;
    return new PersistentMap(this.#base, this.#changes.set(key, value), size);
  }

  delete(key: Key): PersistentMap<Key, Value> {
    if (!this.has(key)) return this;
    const changes = this.#base.has(key)
      ? this.#changes.set(key, deleted)
      : this.#changes.delete(key);
    return new PersistentMap(this.#base, changes, this.size - 1);
  }

  *entries(): Generator<readonly [Key, Value], void, undefined> {
    const isUnchanged = this.#changes.isEmpty();
    for (const entry of this.#base) {
      if (isUnchanged || !this.#changes.has(entry[0])) yield entry;
    }
    for (const [key, value] of this.#changes) if (value !== deleted) yield [key, value];
  }

  *keys(): Generator<Key, void, undefined> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<Value, void, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<readonly [Key, Value], void, undefined> {
    return this.entries();
  }
}
