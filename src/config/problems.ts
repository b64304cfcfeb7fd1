// Turns the complaints of the schema into sentences that name place, cause and the likely intention.

import type * as z from 'zod'
import type { SpecDocument } from './document.ts'
import { closest } from './closest.ts'
import { knownKeysAt } from './explain.ts'

/** One thing that is wrong with a spec. */
export type SpecProblem = {
  /** Counted from 1; null when the problem is not in the text (a default contradicts). */
  readonly line: number | null
  readonly column: number | null
  /** `nodes[1].apiPort`; empty for the whole file. */
  readonly path: string
  /** What is wrong and, where that can be told, what was probably meant. One line. */
  readonly message: string
}

export type SpecPath = readonly (string | number)[]

/** `nodes[1].apiPort` */
export function renderPath(path: SpecPath): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number'
        ? `${text}[${String(part)}]`
        : text === ''
          ? part
          : `${text}.${part}`,
    '',
  )
}

/** A problem at the place where `path` stands in the text, or at its nearest ancestor there. */
export function problemAt(
  document: SpecDocument,
  path: SpecPath,
  message: string,
  part: 'key' | 'value' = 'value',
): SpecProblem {
  return { ...document.placeOf(path, part), path: renderPath(path), message }
}

/** The problems behind one complaint of the schema: one for each unknown key. */
export function explainIssue(
  issue: z.core.$ZodIssue,
  document: SpecDocument,
): readonly SpecProblem[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const suggestion = closest(key, knownKeysAt(path))
      const meant = suggestion === null ? '' : `; did you mean ${JSON.stringify(suggestion)}?`
      const place = path.length === 0 ? '' : ` in ${renderPath(path)}`
      const message = `unknown key ${JSON.stringify(key)}${place}${meant}`
      return problemAt(document, [...path, key], message, 'key')
    })
  }
  const name = path.length === 0 ? 'the spec' : renderPath(path)
  return [problemAt(document, path, `${name} ${complaintOf(issue, document.at(path))}`)]
}

function complaintOf(issue: z.core.$ZodIssue, value: unknown): string {
  const found = describe(value)
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined
        ? 'is missing'
        : `must be ${article(issue.expected)}, but is ${found}`
    case 'invalid_value': {
      const options = issue.values.map(String)
      const suggestion = typeof value === 'string' ? closest(value, options) : null
      const meant = suggestion === null ? '' : `; did you mean ${JSON.stringify(suggestion)}?`
      return value === undefined
        ? `is missing; one of ${options.join(', ')}`
        : `must be one of ${options.join(', ')}, but is ${found}${meant}`
    }
    case 'too_small':
      return issue.origin === 'array'
        ? 'must not be empty'
        : `must be at least ${String(issue.minimum)}, but is ${found}`
    case 'too_big':
      return issue.origin === 'array'
        ? `must have at most ${String(issue.maximum)} entries`
        : issue.origin === 'string'
          ? `must have at most ${String(issue.maximum)} characters, but is ${found}`
          : `must be at most ${String(issue.maximum)}, but is ${found}`
    case 'invalid_format':
      return `${issue.message}, but is ${found}`
    case 'invalid_key':
      return issue.issues[0]?.message ?? issue.message
    case 'invalid_union':
      return `must be a text, a number, true or false, but is ${found}`
    case 'unrecognized_keys':
    case 'not_multiple_of':
    case 'invalid_element':
    case 'custom':
    default:
      return `${issue.message}, but is ${found}`
  }
}

function article(type: string): string {
  const words: Readonly<Record<string, string>> = {
    int: 'a whole number',
    number: 'a whole number',
    string: 'a text',
    boolean: 'true or false',
    array: 'a list (lines that start with "-")',
    object: 'a group of settings',
    record: 'a group of settings',
  }
  return words[type] ?? type
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a group of settings'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
