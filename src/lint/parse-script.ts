// Reads shell scripts far enough to see commands and plain variables: lines that go on are joined,
// comments are gone, `$NAME` is filled in where the script says it plainly. It never throws.

import { type LintFile, type Place, linesOf } from './source-text.ts'

export type ScriptCommand = {
  /** One logical line. */
  readonly text: string
  /** The same with variables of the script filled in. */
  readonly expanded: string
  readonly place: Place
}

export type ScriptFile = { readonly file: string; readonly commands: readonly ScriptCommand[] }

export function parseScript(file: LintFile): ScriptFile {
  const commands: ScriptCommand[] = []
  const variables = new Map<string, string>()
  let pending: { text: string; line: number } | null = null
  for (const [index, line] of linesOf(file.text).entries()) {
    const bare = withoutComment(line)
    const text: string = pending === null ? bare : `${pending.text} ${bare.trimStart()}`
    const start: number = pending?.line ?? index + 1
    if (bare.endsWith('\\')) {
      pending = { text: text.slice(0, -1).trimEnd(), line: start }
      continue
    }
    pending = null
    add(text, start)
  }
  if (pending !== null) add(pending.text, pending.line)
  return { file: file.path, commands }

  function add(text: string, line: number): void {
    if (text.trim() === '') return
    const expanded = expand(text, variables)
    commands.push({ text, expanded, place: { file: file.path, line } })
    const assigned =
      /^\s*(?:export\s+|readonly\s+|local\s+|declare\s+)?([A-Za-z_]\w*)=("[^"]*"|'[^']*'|[^\s;&|]*)\s*;?\s*$/.exec(
        expanded,
      )
    const [, name = '', value = ''] = assigned ?? []
    if (assigned !== null && value.length <= 4096) variables.set(name, unquote(value))
  }
}

/** A `#` in quotes or inside a word is none. */
function withoutComment(line: string): string {
  let quote = ''
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? ''
    if (character === '\\' && quote !== "'") at += 1
    else if (quote !== '') quote = character === quote ? '' : quote
    else if (character === '"' || character === "'") quote = character
    else if (character === '#' && /^\s?$/.test(line[at - 1] ?? ''))
      return line.slice(0, at).trimEnd()
  }
  return line.trimEnd()
}

/** Longer lines come from a variable that holds itself again and again. */
const expandedLengthMax = 20_000

function expand(text: string, variables: ReadonlyMap<string, string>): string {
  const expanded = text.replaceAll(
    /\$(?:\{([A-Za-z_]\w*)(?::?-([^}]*))?\}|([A-Za-z_]\w*))/g,
    (all, braced: string | undefined, fallback: string | undefined, plain: string | undefined) =>
      variables.get(braced ?? plain ?? '') ?? fallback ?? all,
  )
  return expanded.length > expandedLengthMax ? text : expanded
}

function unquote(text: string): string {
  return text.replace(/^(["'])(.*)\1$/, '$2')
}
