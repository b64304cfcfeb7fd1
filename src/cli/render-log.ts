// Lines of log files for people: the agents' JSON lines spelled out, everything else as it is. Pure.

import { renderTime } from './render-quantity.ts'
import { type Style, oneLine } from './style.ts'

/** Fields that every line has, or that are said otherwise. */
const knownFields: ReadonlySet<string> = new Set([
  'level',
  'time',
  'node',
  'msg',
  'pid',
  'hostname',
])

/** One line of a log. Text that is no JSON (PostgreSQL, etcd) is returned unchanged. */
export function renderLogLine(line: string, style: Style): string {
  const entry = parseEntry(line)
  if (entry === null) return line
  const { level, time, msg } = entry
  const at = typeof time === 'string' ? Date.parse(time) : typeof time === 'number' ? time : NaN
  const paint = level === 'error' ? style.bad : level === 'warn' ? style.warn : style.dim
  const fields = Object.entries(entry)
    .filter(([name]) => !knownFields.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return [
    style.dim(Number.isNaN(at) ? '' : renderTime(at)),
    paint(String(level).padEnd(5)),
    oneLine(String(msg)),
    style.dim(fields.join(' ')),
  ]
    .filter((part) => part !== '')
    .join(' ')
    .trimEnd()
}

type Entry = Readonly<Record<string, unknown>> & {
  readonly level: unknown
  readonly time: unknown
  readonly msg: unknown
}

function parseEntry(line: string): Entry | null {
  if (!line.startsWith('{')) return null
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return null
    return 'level' in value && 'msg' in value ? { time: null, ...value } : null
  } catch {
    return null
  }
}
