// Assertions stay on in production: a failed one is a bug of ours and ends the process, and our
// crash is safe because the guard stops PostgreSQL at the lease's deadline.

/** A violated expectation about our own code, never about the outside world. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/**
 * Promises that `condition` holds after the call.
 * @param message says what must hold, with the numbers that matter
 * @throws AssertionError when it does not hold
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Makes the compiler refuse a `switch` over a union that forgets a value. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable value ${JSON.stringify(value)}`)
}
