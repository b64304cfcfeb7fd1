// Runs long work that never waits for anything, so that Ctrl-C can end it.

/**
 * @param steps work whose steps are short
 * @param signal looked at between two steps
 * @throws the reason of the signal once it aborts
 */
export async function runSteps<Result>(
  steps: Iterator<undefined, Result, undefined>,
  signal: AbortSignal,
): Promise<Result> {
  for (;;) {
    signal.throwIfAborted()
    const step = steps.next()
    if (step.done === true) return step.value
    // Interrupts arrive only while the program waits.
    await new Promise((resolve) => setImmediate(resolve))
  }
}
