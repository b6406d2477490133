/** Path prefixes by segment: a lookup walks only as deep as configured prefixes match. */
export class PathIndex<T> {
  readonly #root: PathNode<T> = { value: undefined, children: new Map() };

  /** Later values replace earlier ones at the same prefix. `prefix` begins with a slash. */
  set(prefix: string, value: T): void {
    let node = this.#root;
    if (prefix !== '/') {
      for (const segment of prefix.slice(1).split('/')) {
        let child = node.children.get(segment);
        if (child === undefined) {
          child = { value: undefined, children: new Map() };
          node.children.set(segment, child);
        }
        node = child;
      }
    }
    node.value = value;
  }

  /** The value of the longest prefix that equals `path` or is followed by `/` in it. */
  longestMatch(path: string): T | undefined {
    let node = this.#root;
    let best = node.value;
    let start = 1;
    while (start <= path.length && node.children.size > 0) {
      const slash = path.indexOf('/', start);
      const end = slash === -1 ? path.length : slash;
      const child = node.children.get(path.slice(start, end));
      if (child === undefined) break;
      node = child;
      best = child.value ?? best;
      start = end + 1;
    }
    return best;
  }
}

interface PathNode<T> {
  value: T | undefined;
  readonly children: Map<string, PathNode<T>>;
}
