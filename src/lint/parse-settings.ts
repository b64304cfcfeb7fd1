// PostgreSQL's settings wherever they are written: postgresql.conf, options of a command in a compose
// file, environment, scripts that write them. It never throws.

import { type LintFile, type Place, linesOf } from './source-text.ts'

export const wantedSettings = [
  'archive_command',
  'archive_mode',
  'fsync',
  'full_page_writes',
  'max_connections',
  'reserved_connections',
  'superuser_reserved_connections',
  'synchronous_commit',
] as const

export type SettingName = (typeof wantedSettings)[number]

export type FoundSetting = {
  readonly name: SettingName
  readonly value: string
  readonly place: Place
}

/**
 * `name = value`, `name: value`, `name TO value`, and `"name" "value"` as scripts pass it. Images have it
 * as a variable, with something before the name or behind it.
 */
const assignment = new RegExp(
  String.raw`(?<![A-Za-z])(["']?)(?:(?!superuser_reserved)[A-Z]+_)?(${wantedSettings.join('|')})(?:_MODE)?["']?` +
    String.raw`(?:\s*[=:]\s*|\s+to\s+|\s+(?=["']))(.*)$`,
  'i',
)

/** postgresql.conf does without an equals sign, too. */
const bareAssignment = new RegExp(
  String.raw`^(\s*(?:${wantedSettings.join('|')}))\s+(?![\s=])`,
  'i',
)

/** @param isServerFile whether it is a postgresql.conf, and not a text that may hold parts of one */
export function parseSettings(file: LintFile, isServerFile = false): readonly FoundSetting[] {
  return linesOf(file.text).flatMap((line, index) => {
    if (/^\s*(#|;|\/\/|--(\s|$))/.test(line)) return []
    const text = isServerFile ? line.replace(bareAssignment, '$1 = ') : line
    return settingsIn(text, { file: file.path, line: index + 1 }).filter(
      ({ name }) => name !== 'synchronous_commit' || !isForOneSession(line),
    )
  })
}

/** Of those wanted only one can be set by a session for itself, as bulk loads do. */
function isForOneSession(line: string): boolean {
  const isSet = /\bset\s+((session|local)\s+)?synchronous_commit\b/i.test(line)
  return /\bPGOPTIONS\b/.test(line) || (isSet && !/\balter\b/i.test(line))
}

/** A command line may hold several. */
function settingsIn(line: string, place: Place): readonly FoundSetting[] {
  const found: FoundSetting[] = []
  let rest = line
  for (;;) {
    const match = assignment.exec(rest)
    const name = wantedSettings.find((one) => one === match?.[2]?.toLowerCase())
    if (match === null || name === undefined) return found
    const tail = match[3] ?? ''
    const value = valueAt(tail, match[1] ?? '')
    found.push({ name, value: value.trim(), place })
    // What is inside the value is no setting of its own.
    rest = tail.slice(value.length)
  }
}

/** @param opened the quote before the name, which ends the value where it is met again */
function valueAt(tail: string, opened: string): string {
  const quoted = /^\\?(["'])((?:(?!\\?\1).|\1\1)*)\\?\1/.exec(tail)
  if (quoted !== null) return (quoted[2] ?? '').replaceAll("''", "'")
  const whole = /^(?:(?!["'],|["']\]|["']\s*$|\s-c\s|\s--[a-z]|\s#).)*/.exec(tail)?.[0] ?? ''
  return opened === '' ? whole : (whole.split(opened)[0] ?? '')
}
