// PostgreSQL's settings wherever they are written: postgresql.conf, options of a command in a compose
// file, environment, scripts that write them. It never throws.

import { type LintFile, type Place, linesOf } from './source-text.ts'

export const wantedSettings = [
  'archive_command',
  'archive_mode',
  'fsync',
  'full_page_writes',
  'max_connections',
] as const

export type SettingName = (typeof wantedSettings)[number]

export type FoundSetting = {
  readonly name: SettingName
  readonly value: string
  readonly place: Place
}

/** `name = value`, `name: value`, `name TO value`, and `"name" "value"` as scripts pass it. */
const assignment = new RegExp(
  String.raw`(?<![A-Za-z])(["']?)(?:[A-Z]+_)?(${wantedSettings.join('|')})["']?` +
    String.raw`(?:\s*[=:]\s*|\s+to\s+|\s+(?=["']))(.*)$`,
  'i',
)

export function parseSettings(file: LintFile): readonly FoundSetting[] {
  return linesOf(file.text).flatMap((line, index) => {
    if (/^\s*(#|;|\/\/|--(\s|$))/.test(line)) return []
    return settingsIn(line, { file: file.path, line: index + 1 })
  })
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
