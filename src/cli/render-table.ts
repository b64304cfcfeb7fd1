// Tables for terminals. A table that does not fit gives up, in this order: long titles, columns that
// were marked as dispensable (lowest first), wide gaps, more columns; at last it cuts the last column.

import { type Style, columnsOf, truncate } from './style.ts'

export type Column = {
  readonly title: string
  /** Used when the table is too wide. */
  readonly shortTitle?: string
  readonly align?: 'left' | 'right'
  /** Columns with a number go when the table is too wide, lowest first; others stay. */
  readonly dropOrder?: number
}

/** A cell is text that may carry colour, but no line break. */
export type Row = readonly string[]

/**
 * Draws a table with a dim header and a rule below it.
 * @param widthMax columns of the terminal; Infinity for pipes and files
 * @returns lines without trailing blanks
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly Row[],
  widthMax: number,
  style: Style,
): readonly string[] {
  const fitted = fit(columns, rows, widthMax)
  const head = fitted.columns.map((column, at) => pad(column.text, fitted.widths[at] ?? 0, column))
  const rule = fitted.widths.map((width) => style.symbols.line.repeat(width))
  const gap = ' '.repeat(fitted.gapWidth)
  const lines = [
    style.dim(head.join(gap).trimEnd()),
    style.dim(rule.join(gap)),
    ...rows.map((row) => {
      const cells = fitted.columns.map((column, at) =>
        pad(row[column.index] ?? '', fitted.widths[at] ?? 0, column),
      )
      return trimEnd(cells.join(gap))
    }),
  ]
  return lines.map((line) => truncate(line, widthMax, style.symbols.ellipsis))
}

type FittedColumn = {
  readonly index: number
  readonly text: string
  readonly align: 'left' | 'right'
}

type Fitted = {
  readonly columns: readonly FittedColumn[]
  readonly widths: readonly number[]
  readonly gapWidth: number
}

function fit(columns: readonly Column[], rows: readonly Row[], widthMax: number): Fitted {
  const order = columns
    .map((column, index) => ({ index, dropOrder: column.dropOrder }))
    .filter((one): one is { index: number; dropOrder: number } => one.dropOrder !== undefined)
    .sort((left, right) => left.dropOrder - right.dropOrder)
    .map((one) => one.index)

  let best = measure(columns, rows, new Set(), false, 2)
  for (let dropCount = 0; dropCount <= order.length; dropCount++) {
    const dropped = new Set(order.slice(0, dropCount))
    for (const [isShort, gapWidth] of [
      [false, 2],
      [true, 2],
      [true, 1],
    ] as const) {
      best = measure(columns, rows, dropped, isShort, gapWidth)
      if (totalWidth(best) <= widthMax) return best
    }
  }
  return best
}

function measure(
  columns: readonly Column[],
  rows: readonly Row[],
  dropped: ReadonlySet<number>,
  isShort: boolean,
  gapWidth: number,
): Fitted {
  const kept = columns.flatMap((column, index): FittedColumn[] =>
    dropped.has(index)
      ? []
      : [
          {
            index,
            text: isShort ? (column.shortTitle ?? column.title) : column.title,
            align: column.align ?? 'left',
          },
        ],
  )
  const widths = kept.map((column) =>
    Math.max(columnsOf(column.text), ...rows.map((row) => columnsOf(row[column.index] ?? ''))),
  )
  return { columns: kept, widths, gapWidth }
}

function totalWidth(fitted: Fitted): number {
  const cells = fitted.widths.reduce((sum, width) => sum + width, 0)
  return cells + fitted.gapWidth * Math.max(0, fitted.widths.length - 1)
}

function pad(text: string, width: number, column: FittedColumn): string {
  const blanks = ' '.repeat(Math.max(0, width - columnsOf(text)))
  return column.align === 'right' ? blanks + text : text + blanks
}

/** Trims blanks; escapes at the end of a coloured cell keep their place. */
function trimEnd(line: string): string {
  return line.replace(/ +$/, '')
}

/** Breaks a text into lines of at most `width` columns, at blanks; `indent` goes before all but the first. */
export function wrap(text: string, width: number, indent = ''): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const candidate = line === '' ? word : `${line} ${word}`
    const room = width - (lines.length === 0 ? 0 : columnsOf(indent))
    if (line !== '' && columnsOf(candidate) > room) {
      lines.push(line)
      line = word
    } else {
      line = candidate
    }
  }
  lines.push(line)
  return lines.map((each, index) => (index === 0 ? each : indent + each))
}

/** The same with every line indented. */
export function wrapIndented(text: string, width: number, indent: string): readonly string[] {
  return wrap(text, width - columnsOf(indent)).map((line) => indent + line)
}
