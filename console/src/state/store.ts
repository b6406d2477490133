import { useEffect, useState } from 'preact/hooks';

/** A value that views follow. */
export interface Store<T> {
  readonly value: T;
  set(value: T): void;
  subscribe(listener: () => void): () => void;
}

export function createStore<T>(initial: T): Store<T> {
  const listeners = new Set<() => void>();
  let current = initial;
  return {
    get value() {
      return current;
    },
    set(value) {
      if (Object.is(value, current)) return;
      current = value;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useStore<T>(store: Store<T>): T {
  const [, redraw] = useState({});
  const { value } = store;
  useEffect(() => {
    let shown = value;
    const look = () => {
      if (Object.is(store.value, shown)) return;
      shown = store.value;
      redraw({});
    };
    // It may have changed since it was drawn.
    look();
    return store.subscribe(look);
    // What was drawn first is all that matters: from then on `look` keeps count.
  }, [store]);
  return value;
}
