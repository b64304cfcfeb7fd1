// The text of a spec as data, with the way back from a setting to its line and column.

import { isCollection, isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import type { Node, Pair } from 'yaml'
import type { SpecPath, SpecProblem } from './problems.ts'

export type Place = { readonly line: number | null; readonly column: number | null }

export type SpecDocument = {
  /** Plain data; an empty text is an empty object. */
  readonly value: unknown
  /** What makes the text no YAML at all. */
  readonly problems: readonly SpecProblem[]
  /** The raw value at a path; undefined when there is none. */
  at(path: SpecPath): unknown
  /** Where the setting stands, or its nearest ancestor that stands in the text. */
  placeOf(path: SpecPath, part: 'key' | 'value'): Place
}

const textLengthMax = 256 * 1024

/** Parses YAML 1.2 (so `no` is a text and `0755` a number). Never throws. */
export function readDocument(text: string): SpecDocument {
  if (text.length > textLengthMax) return unusable('is larger than 256 kB; is it a spec file?')
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const problems = document.errors.map((error) => ({
    ...placeAt(lines, error.pos[0]),
    path: '',
    message: `not valid YAML: ${firstLine(error.message)}`,
  }))
  if (problems.length > 0) return { ...unusable(''), problems }

  let value: unknown
  try {
    value = withoutEmptySections(document.toJS({ maxAliasCount: 50 }) ?? {})
  } catch (error) {
    return unusable(error instanceof Error ? firstLine(error.message) : 'cannot be read')
  }
  return {
    value,
    problems,
    at: (path) => valueAt(value, path),
    placeOf: (path, part) => placeOfPath(document.contents, lines, path, part),
  }
}

function unusable(message: string): SpecDocument {
  const nowhere: Place = { line: null, column: null }
  return {
    value: {},
    problems: [{ ...nowhere, path: '', message }],
    at: () => undefined,
    placeOf: () => nowhere,
  }
}

/** `postgres:` with nothing below it means the defaults, as if it were left out. */
function withoutEmptySections(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const nullable = new Set(['syncStandbys'])
  return Object.fromEntries(
    Object.entries(value).filter(([key, each]) => each !== null || nullable.has(key)),
  )
}

function valueAt(value: unknown, path: SpecPath): unknown {
  return path.reduce<unknown>(
    (current, part) =>
      typeof current === 'object' && current !== null
        ? (current as Readonly<Record<string | number, unknown>>)[part]
        : undefined,
    value,
  )
}

function placeOfPath(
  root: Node | null,
  lines: LineCounter,
  path: SpecPath,
  part: 'key' | 'value',
): Place {
  let node: unknown = root
  let offset: number | null = startOf(root)
  for (const [index, step] of path.entries()) {
    const isLast = index === path.length - 1
    const pair = isMap(node) ? node.items.find((item) => keyOf(item) === String(step)) : undefined
    const child: unknown = isMap(node)
      ? pair?.value
      : isCollection(node)
        ? node.get(step, true)
        : undefined
    const start = isLast && part === 'key' ? null : startOf(child)
    const keyStart = pair === undefined ? null : startOf(pair.key)
    if (start === null && keyStart === null) break
    offset = start ?? keyStart
    node = child
  }
  return offset === null ? { line: null, column: null } : placeAt(lines, offset)
}

function keyOf(pair: Pair): string | null {
  return isScalar(pair.key) ? String(pair.key.value) : null
}

function startOf(node: unknown): number | null {
  const range = (node as { range?: readonly number[] | null } | null | undefined)?.range
  return range?.[0] ?? null
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset)
  return { line, column: col }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text
}
