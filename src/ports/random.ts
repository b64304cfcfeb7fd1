// Randomness, so that a seed can give everything.

export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** `length` hexadecimal digits for identities and nonces. */
  hex(length: number): string
}
