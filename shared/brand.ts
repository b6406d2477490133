declare const brand: unique symbol;

/** A `T` that was checked once: only the module that parses a `Name` makes one. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
