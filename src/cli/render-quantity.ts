// Sizes and times as people read them.

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** `0 B`, `16 kB`, `1.5 GB`; steps of 1024, as PostgreSQL prints sizes. Unknown is `-`. */
export function renderBytes(bytes: number | null): string {
  if (bytes === null) return '-'
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024
    unit += 1
  }
  const digits = unit === 0 || value >= 10 ? 0 : 1
  // 1023.96 kB would print as "1024 kB".
  if (Number(value.toFixed(digits)) >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024
    unit += 1
    return `${value.toFixed(1)} ${byteUnits[unit] ?? ''}`
  }
  return `${value.toFixed(digits)} ${byteUnits[unit] ?? ''}`
}

/** `0 ms`, `412 ms`, `1.26 s`, `14 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`. */
export function renderDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs)
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 9_995) return `${(ms / 1000).toFixed(2)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return pair(minutes, 'min', seconds % 60, 's')
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return pair(hours, 'h', minutes % 60, 'min')
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`
}

/** Local time of day with milliseconds: `14:03:07.512`. */
export function renderTime(wallClockMs: number): string {
  const date = new Date(wallClockMs)
  const two = (value: number) => String(value).padStart(2, '0')
  const ms = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`
}

/** Local date and time: `2026-03-09 14:03:07.512`. */
export function renderDateTime(wallClockMs: number): string {
  const date = new Date(wallClockMs)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${renderTime(wallClockMs)}`
}

const durationUnitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Parses `500ms`, `30s`, `10m`, `2h`, `1d`; null when the text is none of these. In milliseconds. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/.exec(text.trim())
  const unitMs = durationUnitsMs[match?.[2] ?? '']
  if (match?.[1] === undefined || unitMs === undefined) return null
  return Number(match[1]) * unitMs
}
