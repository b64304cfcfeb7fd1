// WAL positions. An LSN alone cannot be compared across branches: see `position.ts`.

import type { Brand } from '../lib/brand.ts'

/** A byte position in WAL, as a number: exact up to 2^53 bytes (8 PiB of WAL). */
export type Lsn = Brand<number, 'Lsn'>

export const lsnZero = 0 as Lsn

/**
 * Parses PostgreSQL's text form `16/B374D848`.
 * @throws RangeError when the text is no LSN
 */
export function parseLsn(text: string): Lsn {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text)
  if (match?.[1] === undefined || match[2] === undefined)
    throw new RangeError(`not an LSN: ${text}`)
  return (Number.parseInt(match[1], 16) * 0x1_0000_0000 + Number.parseInt(match[2], 16)) as Lsn
}

/** PostgreSQL's text form of a position. */
export function renderLsn(lsn: Lsn): string {
  const high = Math.floor(lsn / 0x1_0000_0000)
  const low = lsn % 0x1_0000_0000
  return `${high.toString(16).toUpperCase()}/${low.toString(16).toUpperCase()}`
}

/** How many bytes `behind` lacks to reach `ahead`; 0 when it lacks nothing. */
export function lagBytes(ahead: Lsn, behind: Lsn): number {
  return Math.max(0, ahead - behind)
}
