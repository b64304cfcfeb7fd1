// Ctrl-C: the first one asks the command to end, a second one ends the program. While another program
// owns the terminal (psql), both are its affair.

export type Interrupts = {
  readonly signal: AbortSignal
  /** Ignores interrupts until the returned function is called. */
  suspend(): () => void
}

/** @param onSecond called when the person does not want to wait */
export function installInterrupts(source: NodeJS.Process, onSecond: () => void): Interrupts {
  const controller = new AbortController()
  let suspendCount = 0
  const interrupt = () => {
    if (suspendCount > 0) return
    if (controller.signal.aborted) onSecond()
    controller.abort()
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) source.on(name, interrupt)
  return {
    signal: controller.signal,
    suspend: () => {
      suspendCount += 1
      return () => {
        suspendCount -= 1
      }
    },
  }
}
