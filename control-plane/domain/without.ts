type OptionalKey<T> = { [K in keyof T]-?: object extends Pick<T, K> ? K : never }[keyof T];

/** A copy that lacks some of its optional fields. */
export function without<T extends object>(value: T, names: readonly OptionalKey<T>[] = []): T {
  const left = Object.entries(value).filter(([name]) => !names.some((each) => each === name));
  // Every field that a `T` must have is still there.
  return Object.fromEntries(left) as T;
}
