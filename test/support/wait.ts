// Waiting for a condition, for tests: no fixed sleeps, a failure that says what was last seen.

export async function waitFor<Value>(
  what: string,
  look: () => Promise<Value> | Value,
  isWanted: (value: Value) => boolean,
  timeoutMs = 15_000,
): Promise<Value> {
  const giveUpAtMs = performance.now() + timeoutMs
  for (;;) {
    const value = await look()
    if (isWanted(value)) return value
    if (performance.now() > giveUpAtMs) {
      throw new Error(
        `${what}: not within ${String(timeoutMs)} ms, last seen ${JSON.stringify(value)}`,
      )
    }
    await pause(20)
  }
}

export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs))
}
