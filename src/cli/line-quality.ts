// Loss and delay of a line, as people write and read them. Pure.

import { parseDuration, renderDuration } from './render-quantity.ts'

const delayMsMax = 10_000

/** Parses `5`, `0.25`, `10%`: 0 to 100 in steps of 0.01; null when the text is none of these. */
export function parsePercent(text: string): number | null {
  if (!/^\d{1,3}(\.\d{1,2})?%?$/.test(text)) return null
  const percent = Number(text.replace('%', ''))
  return percent <= 100 ? percent : null
}

/**
 * Parses `0`, `20ms`, `0.4ms`, `1s`: up to 10 s in steps of a microsecond; null when the text is none of
 * these. In milliseconds.
 */
export function parseDelay(text: string): number | null {
  if (text === '0') return 0
  const delayMs = parseDuration(text)
  if (delayMs === null || delayMs > delayMsMax) return null
  const roundedMs = Math.round(delayMs * 1000) / 1000
  return roundedMs === 0 && delayMs > 0 ? null : roundedMs
}

/** As a duration, but with every part of a millisecond. */
export function renderDelay(delayMs: number): string {
  return Number.isInteger(delayMs) ? renderDuration(delayMs) : `${String(delayMs)} ms`
}
