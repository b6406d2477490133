import type { Hostname, HostPattern } from '../../shared/hostname.js';

/** Host patterns with a `*`: a lookup costs one hash per label of the name, however many there are. */
export class WildcardIndex<T> {
  readonly #bySuffix = new Map<string, T>();
  readonly #byPrefix = new Map<string, T>();

  set(pattern: HostPattern, value: T): void {
    if (pattern.kind === 'leading-wildcard') this.#bySuffix.set(pattern.suffix, value);
    if (pattern.kind === 'trailing-wildcard') this.#byPrefix.set(pattern.prefix, value);
  }

  /** Of several matching patterns the one with the longest literal part; a leading `*` before a trailing one. */
  mostSpecific(host: Hostname): T | undefined {
    const suffix = this.#longestSuffix(host);
    const prefix = this.#longestPrefix(host);
    if (prefix === undefined) return suffix?.value;
    if (suffix === undefined) return prefix.value;
    return prefix.length > suffix.length ? prefix.value : suffix.value;
  }

  #longestSuffix(host: Hostname): Found<T> | undefined {
    if (this.#bySuffix.size === 0) return undefined;
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const value = this.#bySuffix.get(host.slice(dot));
      if (value !== undefined) return { value, length: host.length - dot };
    }
    return undefined;
  }

  #longestPrefix(host: Hostname): Found<T> | undefined {
    if (this.#byPrefix.size === 0) return undefined;
    for (let dot = host.lastIndexOf('.'); dot > 0; dot = host.lastIndexOf('.', dot - 1)) {
      const value = this.#byPrefix.get(host.slice(0, dot + 1));
      if (value !== undefined) return { value, length: dot + 1 };
    }
    return undefined;
  }
}

interface Found<T> {
  readonly value: T;
  readonly length: number;
}
