// Reads .env files as Docker Compose does, and keeps what it would silently drop. It never throws.

import { type LintFile, type Place, type ReadProblem, linesOf } from './source-text.ts'

export type EnvEntry = {
  readonly key: string
  /** What a program gets. */
  readonly value: string
  /** What stands in the file after the equals sign. */
  readonly raw: string
  readonly place: Place
}

export type EnvFile = {
  readonly file: string
  readonly entries: readonly EnvEntry[]
  readonly problems: readonly ReadProblem[]
}

/** A value in quotes goes on over at most so many lines: keys and certificates are shorter. */
const valueLinesMax = 200

const assignment = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:](.*)$/

export function parseEnv(file: LintFile): EnvFile {
  const entries: EnvEntry[] = []
  const problems: ReadProblem[] = []
  const lines = linesOf(file.text)
  let next = 0
  for (const [index, line] of lines.entries()) {
    const text = line.trim()
    if (index < next || text === '' || text.startsWith('#')) continue
    const place = { file: file.path, line: index + 1 }
    const match = assignment.exec(line)
    if (match !== null) {
      const [, key = '', first = ''] = match
      const more = linesThatGoOn(first, lines, index + 1)
      next = index + 1 + more.length
      const raw = [first, ...more].join('\n')
      entries.push({ key, value: valueOf(raw), raw, place })
    } else if (!/^(?:export\s+)?[A-Za-z_][\w.-]*$/.test(text)) {
      problems.push({ place, message: 'this line is no KEY=value' })
    }
  }
  const [first] = problems
  // A file that is none is told once, not line by line.
  if (first !== undefined && problems.length > 1 && entries.length === 0) {
    const problem = { place: first.place, message: 'no line of this file is KEY=value' }
    return { file: file.path, entries, problems: [problem] }
  }
  return { file: file.path, entries, problems }
}

/** The lines that belong to a value whose quote is closed later, and before anything else is set. */
function linesThatGoOn(first: string, lines: readonly string[], from: number): readonly string[] {
  const [quote = ''] = first.trim()
  const isOpened = /^\s*("(?:[^"\\]|\\.)*|'[^']*)$/.test(first)
  if (!isOpened) return []
  const following = lines.slice(from, from + valueLinesMax)
  const end = following.findIndex((line) => line.includes(quote))
  const more = following.slice(0, end + 1)
  const isWhole = more.at(-1)?.trimEnd().endsWith(quote) === true
  return isWhole && !more.some((line) => assignment.test(line)) ? more : []
}

/** Without quotes around it, without a comment after it. */
function valueOf(raw: string): string {
  const text = raw.trim()
  const quoted = /^"((?:[^"\\]|\\.)*)"|^'([^']*)'/.exec(text)
  if (quoted !== null) return quoted[1]?.replaceAll(/\\(["\\$])/g, '$1') ?? quoted[2] ?? ''
  return text.replace(/(^|\s)#.*$/, '').trimEnd()
}
