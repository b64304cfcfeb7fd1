// Errors as people see them: what happened, the probable cause, the next step; and as JSON.

import { AssertionError } from '../lib/assert.ts'
import { type ExitReason, PgherdError, exitCodes, messageOf } from '../lib/errors.ts'
import { SpecInvalidError } from '../config/load.ts'
import { wrap } from './render-table.ts'
import { type Style } from './style.ts'

/** An error in the form of the catalogue; whatever we did not foresee is a bug of ours. */
export function asPgherdError(error: unknown): PgherdError {
  if (error instanceof PgherdError) return error
  const what =
    error instanceof AssertionError ? 'an assertion of pgherd failed' : 'unexpected error'
  return new PgherdError({
    code: 'PGHERD_BUG',
    reason: 'bug',
    message: `${what}: ${messageOf(error)}`,
    because: 'this is a bug of pgherd, not of your set-up',
    hint: 'report it, with the lines below; running the command again is safe',
    cause: error,
  })
}

/**
 * What, because, next; with `isVerbose` the raw error below.
 * @param width columns; longer lines are broken at blanks
 */
export function renderError(
  error: PgherdError,
  style: Style,
  isVerbose: boolean,
  width = Number.POSITIVE_INFINITY,
): readonly string[] {
  const indent = ' '.repeat(11)
  const part = (head: string, text: string) =>
    text
      .split('\n')
      .flatMap((line) => wrap(line, width - indent.length))
      .map((line, index) => (index === 0 ? head : indent) + line)
  const failed = style.bad(style.bold(`${style.symbols.failed} error:`))
  const code = style.dim(`(${error.code})`)
  return [
    ...part(`${failed} `, error.message),
    ...(error.because === undefined ? [] : part(`  ${style.dim('because:')} `, error.because)),
    ...part(`  ${style.dim('next:')}    `, `${error.hint} ${code}`),
    ...(isVerbose ? rawError(error).map((line) => style.dim(`  | ${line}`)) : []),
  ]
}

function rawError(error: Error): readonly string[] {
  const own = (error.stack ?? error.message).split('\n')
  if (!(error.cause instanceof Error)) {
    return error.cause === undefined ? own : [...own, `caused by: ${messageOf(error.cause)}`]
  }
  const below = rawError(error.cause)
  return [...own, ...below.map((line, index) => (index === 0 ? `caused by: ${line}` : line))]
}

export type ErrorDocument = {
  readonly version: 1
  readonly error: {
    readonly code: string
    readonly reason: ExitReason
    readonly exitCode: number
    readonly message: string
    readonly because: string | null
    readonly next: string
    readonly problems?: SpecInvalidError['problems']
  }
}

/** What `--json` prints instead of the document that was asked for. */
export function errorDocument(error: PgherdError): ErrorDocument {
  return {
    version: 1,
    error: {
      code: error.code,
      reason: error.reason,
      exitCode: exitCodes[error.reason],
      message: error.message,
      because: error.because ?? null,
      next: error.hint,
      ...(error instanceof SpecInvalidError ? { problems: error.problems } : {}),
    },
  }
}
