// Where a command prints. Results go to stdout, progress and messages for people to stderr, so that a
// pipe gets results only.

import {
  type ColourWish,
  type Environment,
  type Style,
  createStyle,
  wantsColour,
  wantsUnicode,
} from './style.ts'

/** The part of a process's streams that the CLI uses; tests give their own. */
export type OutputStream = {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export type Terminal = {
  /** A result, to stdout. */
  print(...lines: readonly string[]): void
  /** A message for people, to stderr. */
  tell(...lines: readonly string[]): void
  /** For stdout. */
  readonly style: Style
  /** For stderr. */
  readonly messageStyle: Style
  /** Columns for results: those of the terminal, no limit in a pipe. */
  readonly width: number
  /** Columns for messages. */
  readonly messageWidth: number
  /** A person sees results as they come. */
  readonly isStdoutTty: boolean
  readonly isStderrTty: boolean
  /** A person can be asked. */
  readonly canAsk: boolean
  /** Messages may be redrawn in place. */
  readonly canAnimate: boolean
  /** To stderr as it is: for pictures that are redrawn. */
  tellRaw(text: string): void
  hideCursor(): void
  /** Also called by the program when it ends in any way. */
  showCursor(): void
}

export type TerminalStreams = {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly stdin: { readonly isTTY?: boolean }
}

export function createTerminal(
  streams: TerminalStreams,
  environment: Environment,
  wish: ColourWish,
): Terminal {
  const { stdout, stderr, stdin } = streams
  const isUnicode = wantsUnicode(environment)
  const isStdoutTty = stdout.isTTY === true
  const isStderrTty = stderr.isTTY === true
  let isCursorHidden = false
  return {
    print: (...lines) => stdout.write(lines.map((line) => `${line}\n`).join('')),
    tell: (...lines) => stderr.write(lines.map((line) => `${line}\n`).join('')),
    style: createStyle(wantsColour(wish, environment, isStdoutTty), isUnicode),
    messageStyle: createStyle(wantsColour(wish, environment, isStderrTty), isUnicode),
    width: widthOf(stdout, environment),
    messageWidth: widthOf(stderr, environment),
    isStdoutTty,
    isStderrTty,
    canAsk: stdin.isTTY === true && isStderrTty,
    canAnimate: isStderrTty && environment['TERM'] !== 'dumb',
    tellRaw: (text) => void stderr.write(text),
    hideCursor: () => {
      isCursorHidden = true
      stderr.write('\u001b[?25l')
    },
    showCursor: () => {
      if (isCursorHidden) stderr.write('\u001b[?25h')
      isCursorHidden = false
    },
  }
}

/** COLUMNS is how people force a width in a pipe; a terminal without a size is taken as 80 wide. */
function widthOf(stream: OutputStream, environment: Environment): number {
  const forced = Number(environment['COLUMNS'])
  if (stream.isTTY !== true) return forced > 0 ? forced : Number.POSITIVE_INFINITY
  return Math.max(40, stream.columns ?? (forced > 0 ? forced : 80))
}
