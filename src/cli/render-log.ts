// Lines of log files for people: the agents' JSON lines spelled out, everything else as it is. Pure.

import { renderTime } from './render-quantity.ts'
import { type Style, oneLine } from './style.ts'

/** Fields that every line has, or that are said otherwise. */
const knownFields: ReadonlySet<string> = new Set([
  'level',
  'time',
  'ts',
  'node',
  'msg',
  'pid',
  'hostname',
  'caller',
])

/** One line of a log. Text that is no JSON (PostgreSQL, HAProxy) is returned without escapes. */
export function renderLogLine(line: string, style: Style): string {
  const entry = parseEntry(line)
  if (entry === null) return oneLine(line)
  const { level } = entry
  const paint = level === 'error' ? style.bad : level === 'warn' ? style.warn : style.dim
  const fields = Object.entries(entry.fields)
    .filter(([name]) => !knownFields.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return [
    style.dim(Number.isNaN(entry.atMs) ? '' : renderTime(entry.atMs)),
    paint(level.padEnd(5)),
    oneLine(entry.message),
    style.dim(oneLine(fields.join(' '))),
  ]
    .filter((part) => part !== '')
    .join(' ')
    .trimEnd()
}

type Entry = {
  readonly level: string
  /** NaN when the line does not say. */
  readonly atMs: number
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Agents write pino's fields (`time`, `msg`) and the journal's (`atMs`, `message`), etcd zap's (`ts`, `msg`). */
function parseEntry(line: string): Entry | null {
  if (!line.startsWith('{')) return null
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const fields = value as Readonly<Record<string, unknown>>
  const { level, msg, time, ts, message, atMs, kind } = fields
  if (typeof message === 'string' && typeof atMs === 'number' && typeof kind === 'string') {
    return { level: 'event', atMs, message, fields: {} }
  }
  if (typeof level !== 'string' || typeof msg !== 'string') return null
  return { level, atMs: parseTime(time ?? ts), message: msg, fields }
}

function parseTime(time: unknown): number {
  if (typeof time === 'string') return Date.parse(time)
  return typeof time === 'number' ? time : Number.NaN
}
