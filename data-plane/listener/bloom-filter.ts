const hashes = 4;

/**
 * Remembers names in a fixed number of bytes: `mayHave` is never wrong about a name that was added,
 * and says yes to about 2 % of the others once it holds `capacity` names.
 */
export class BloomFilter {
  readonly capacity: number;
  readonly #bits: Uint32Array;
  readonly #mask: number;
  #added = 0;

  /** @param bits a power of two. */
  constructor(bits = 1 << 17) {
    this.#bits = new Uint32Array(bits >>> 5);
    this.#mask = bits - 1;
    this.capacity = Math.floor(bits / 8);
  }

  get isEmpty(): boolean {
    return this.#added === 0;
  }

  /** Whether it has taken so many names that its answers are worth little. */
  get isFull(): boolean {
    return this.#added >= this.capacity;
  }

  add(name: string): void {
    if (this.#visit(name, true)) this.#added += 1;
  }

  mayHave(name: string): boolean {
    return !this.#visit(name, false);
  }

  /** @returns whether a bit of `name` was not set before. */
  #visit(name: string, set: boolean): boolean {
    // Two FNV-1a hashes with different seeds; the further ones are sums of them (Kirsch–Mitzenmacher).
    let first = 0x811c9dc5;
    let second = 0x01000193;
    for (let index = 0; index < name.length; index += 1) {
      const code = name.charCodeAt(index);
      first = Math.imul(first ^ code, 0x01000193);
      second = Math.imul(second ^ code, 0x85ebca6b);
    }
    let isNew = false;
    for (let round = 0; round < hashes; round += 1) {
      const bit = (first + Math.imul(round, second | 1)) & this.#mask;
      const word = bit >>> 5;
      const flag = 1 << (bit & 31);
      const value = this.#bits[word] ?? 0;
      if ((value & flag) !== 0) continue;
      isNew = true;
      if (!set) return true;
      this.#bits[word] = value | flag;
    }
    return isNew;
  }
}
