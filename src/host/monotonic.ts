// The clock that deadlines are written in: CLOCK_MONOTONIC, which has one zero for all processes of a
// machine, so that the agent can hand an instant to the guard.

/** Milliseconds, with fractions, since an arbitrary instant that all processes of this machine share. */
export function readMonotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1_000_000
}
