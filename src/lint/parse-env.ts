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

export function parseEnv(file: LintFile): EnvFile {
  const entries: EnvEntry[] = []
  const problems: ReadProblem[] = []
  for (const [index, line] of linesOf(file.text).entries()) {
    const text = line.trim()
    if (text === '' || text.startsWith('#')) continue
    const place = { file: file.path, line: index + 1 }
    const match = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:](.*)$/.exec(line)
    if (match !== null) {
      const [, key = '', raw = ''] = match
      entries.push({ key, value: valueOf(raw), raw, place })
    } else if (!/^(?:export\s+)?[A-Za-z_][\w.-]*$/.test(text)) {
      problems.push({ place, message: 'this line is no KEY=value' })
    }
  }
  return { file: file.path, entries, problems }
}

/** Without quotes around it, without a comment after it. */
function valueOf(raw: string): string {
  const text = raw.trim()
  const quoted = /^"((?:[^"\\]|\\.)*)"|^'([^']*)'/.exec(text)
  if (quoted !== null) return quoted[1]?.replaceAll(/\\(["\\$])/g, '$1') ?? quoted[2] ?? ''
  return text.replace(/(^|\s)#.*$/, '').trimEnd()
}
