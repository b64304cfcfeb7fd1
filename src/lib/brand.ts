// Branded primitives: two values with the same representation but different meanings must not mix.

declare const brand: unique symbol

/** `T` marked with a name, so that a plain `T` or another brand is refused by the compiler. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
