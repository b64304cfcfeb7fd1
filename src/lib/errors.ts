// The catalogue of errors that reach people. Each names the thing, the cause and the next step, and
// carries the exit code that a script may rely on.

/** Exit codes of the program, one table for every command (printed in each `--help`). */
export const exitCodes = {
  done: 0,
  bug: 1,
  usage: 2,
  configuration: 3,
  postgres: 4,
  store: 5,
  system: 6,
  refused: 7,
  timeout: 8,
  localState: 9,
  degraded: 10,
  noPrimary: 11,
  unreachable: 12,
  removed: 20,
  interrupted: 130,
} as const

export type ExitReason = keyof typeof exitCodes

/** What each code tells a script, for `--help` and the documentation. */
export const exitMeanings: Readonly<Record<ExitReason, string>> = {
  done: 'done, healthy, or stopped as asked',
  bug: 'a bug: failed assertion or unexpected error',
  usage: 'wrong usage',
  configuration: 'the spec file, an environment variable or a file given to lint is at fault',
  postgres: 'PostgreSQL could not do it',
  store: 'the store is unreachable or refused',
  system: 'operating system, files, ports or processes',
  refused: 'refused by a safety rule (its id is printed)',
  timeout: 'waited, and the time is over; the work may still go on',
  localState: 'local state contradicts the cluster',
  degraded: 'the cluster works, but less protected than its spec says',
  noPrimary: 'no node may take writes now',
  unreachable: 'no agent of the cluster answers',
  removed: 'this node was removed from the cluster; do not start it again',
  interrupted: 'interrupted by Ctrl-C',
}

export type ErrorDetails = {
  /** Stable code, `PGHERD_` and upper case words. */
  readonly code: `PGHERD_${string}`
  readonly reason: ExitReason
  /** What happened, naming the thing. One line. */
  readonly message: string
  /** The probable cause from evidence. One line, absent when the message says it. */
  readonly because?: string
  /** What the operator can do now. */
  readonly hint: string
  readonly cause?: unknown
}

/** An operating error with a plan: what happened, why, and what to do. */
export class PgherdError extends Error {
  override readonly name = 'PgherdError'
  readonly code: string
  readonly reason: ExitReason
  readonly because: string | undefined
  readonly hint: string

  constructor(details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = details.code
    this.reason = details.reason
    this.because = details.because
    this.hint = details.hint
  }

  get exitCode(): number {
    return exitCodes[this.reason]
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The same with the cause, where one is known. */
export function describeError(error: unknown): string {
  if (!(error instanceof PgherdError) || error.because === undefined) return messageOf(error)
  return `${error.message}: ${error.because}`
}
