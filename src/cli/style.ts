// Colour and symbols. Colour only repeats what a word or symbol says already, and goes away for pipes,
// NO_COLOR and TERM=dumb; symbols fall back to ASCII where the terminal may not show them.

import pc from 'picocolors'

export type ColourWish = 'auto' | 'always' | 'never'

export type Environment = Readonly<Record<string, string | undefined>>

export type Paint = (text: string) => string

export type Style = {
  readonly bold: Paint
  readonly dim: Paint
  readonly good: Paint
  readonly bad: Paint
  readonly warn: Paint
  readonly accent: Paint
  readonly symbols: Symbols
}

type Symbols = {
  readonly done: string
  readonly failed: string
  readonly warning: string
  readonly running: string
  readonly bullet: string
  readonly arrow: string
  readonly ellipsis: string
  readonly line: string
  /** For trees: a child with others below it, the last child, the line beside children's children. */
  readonly branch: { readonly tee: string; readonly corner: string; readonly bar: string }
}

const unicodeSymbols: Symbols = {
  done: '✔',
  failed: '✖',
  warning: '▲',
  running: '●',
  bullet: '·',
  arrow: '→',
  ellipsis: '…',
  line: '─',
  branch: { tee: '├─', corner: '└─', bar: '│' },
}

const asciiSymbols: Symbols = {
  done: 'ok',
  failed: 'x',
  warning: '!',
  running: '*',
  bullet: '-',
  arrow: '->',
  ellipsis: '...',
  line: '-',
  branch: { tee: '|-', corner: '`-', bar: '|' },
}

/** @param isUnicode whether the terminal shows more than ASCII */
export function createStyle(isColoured: boolean, isUnicode: boolean): Style {
  const colours = pc.createColors(isColoured)
  return {
    bold: colours.bold,
    dim: colours.dim,
    good: colours.green,
    bad: colours.red,
    warn: colours.yellow,
    accent: colours.cyan,
    symbols: isUnicode ? unicodeSymbols : asciiSymbols,
  }
}

/** Neither colour nor anything beyond ASCII: for files and tests. */
export const plainStyle = createStyle(false, false)

/**
 * Whether to colour: the option first, then NO_COLOR (https://no-color.org), FORCE_COLOR, TERM=dumb,
 * and at last whether a person is looking.
 */
export function wantsColour(wish: ColourWish, environment: Environment, isTty: boolean): boolean {
  if (wish !== 'auto') return wish === 'always'
  if (isSet(environment['NO_COLOR'])) return false
  if (isSet(environment['FORCE_COLOR'])) return environment['FORCE_COLOR'] !== '0'
  return isTty && environment['TERM'] !== 'dumb'
}

/**
 * Whether the locale is UTF-8, in the order in which the C library looks. Where none is named, as in
 * many containers, the terminal in front of it is nearly always one that shows UTF-8.
 */
export function wantsUnicode(environment: Environment): boolean {
  if (environment['TERM'] === 'dumb' || environment['TERM'] === 'linux') return false
  const names = ['LC_ALL', 'LC_CTYPE', 'LANG']
  const locale = names.map((name) => environment[name]).find(isSet)
  return locale === undefined || /utf-?8/i.test(locale)
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== ''
}

// eslint-disable-next-line no-control-regex -- the escape character is what is looked for
const escapes = /\u001b\[[0-9;?]*[A-Za-z]/g
// eslint-disable-next-line no-control-regex -- as above
const escapeOrCharacter = /\u001b\[[0-9;?]*[A-Za-z]|[\s\S]/gu

/** The text without colour, as a person sees it. */
export function withoutEscapes(text: string): string {
  return text.replaceAll(escapes, '')
}

/** On one line and without control characters: what others wrote may not steer the terminal. */
export function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is taken out
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim()
}

/** How many columns of a terminal the text takes. East Asian wide characters take two. */
export function columnsOf(text: string): number {
  let count = 0
  for (const character of withoutEscapes(text)) {
    const code = character.codePointAt(0) ?? 0
    if (code < 32 || isCombining(code)) continue
    count += isWide(code) ? 2 : 1
  }
  return count
}

function isCombining(code: number): boolean {
  return (code >= 0x300 && code <= 0x36f) || code === 0x200b || (code >= 0xfe00 && code <= 0xfe0f)
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff)
  )
}

/** Cuts to `columns`, with an ellipsis when something is lost. Escapes are kept whole and closed. */
export function truncate(text: string, columns: number, ellipsis: string): string {
  if (columnsOf(text) <= columns) return text
  const room = columns - columnsOf(ellipsis)
  if (room <= 0) return ''
  let kept = ''
  let used = 0
  for (const part of text.matchAll(escapeOrCharacter)) {
    const width = columnsOf(part[0])
    if (used + width > room) break
    used += width
    kept += part[0]
  }
  const reset = kept.includes('\u001b') ? '\u001b[0m' : ''
  return kept + reset + ellipsis
}
