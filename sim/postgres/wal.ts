// WAL as a sequence of entries. An entry knows the one before it, so two logs that share an entry share
// everything up to it: prefix, fork and "is this commit in it" are exact, whatever the LSNs say.

import { asTimeline, type Epoch, type TimelineId } from '../../src/core/names.ts'
import { lsnZero, type Lsn } from '../../src/core/lsn.ts'
import type { TimelineHistory, WalPosition } from '../../src/core/position.ts'

/** A commit of a client, as the ledger knows it. */
export type Commit = {
  readonly id: number
  /** Epoch of the primary that wrote it. */
  readonly epoch: Epoch
  /** Lowest epoch in which a client was told, or could see, that it is there; null before. */
  promisedIn: Epoch | null
}

export type WalEntry = {
  /** Number of entries before it. */
  readonly index: number
  readonly before: WalEntry | null
  readonly kind: 'origin' | 'commit' | 'mark' | 'switch' | 'checkpoint'
  readonly timeline: TimelineId
  readonly endLsn: Lsn
  /** Branches that led to this entry's timeline. */
  readonly history: TimelineHistory
  readonly commit: Commit | null
}

const originLsn = 0x0300_0028 as Lsn

/** The WAL of one data directory: all that was written, and how much of it a crash cannot take. */
export class Wal {
  #entries: WalEntry[]
  #flushedCount: number

  private constructor(entries: WalEntry[], flushedCount: number) {
    this.#entries = entries
    this.#flushedCount = flushedCount
  }

  /** A new database system. */
  static create(): Wal {
    const origin: WalEntry = {
      index: 0,
      before: null,
      kind: 'origin',
      timeline: asTimeline(1),
      endLsn: originLsn,
      history: [],
      commit: null,
    }
    return new Wal([origin], 1)
  }

  /** A copy of the flushed part, as a base backup makes it. */
  copyFlushed(): Wal {
    return new Wal(this.#entries.slice(0, this.#flushedCount), this.#flushedCount)
  }

  get entries(): readonly WalEntry[] {
    return this.#entries
  }

  get flushedCount(): number {
    return this.#flushedCount
  }

  get count(): number {
    return this.#entries.length
  }

  get tip(): WalEntry {
    return at(this.#entries, this.#entries.length - 1)
  }

  get flushedTip(): WalEntry {
    return at(this.#entries, this.#flushedCount - 1)
  }

  get flushedPosition(): WalPosition {
    const tip = this.flushedTip
    return { timeline: tip.timeline, flushLsn: tip.endLsn }
  }

  /** Whether this very entry, with all that led to it, is in the log. */
  holds(entry: WalEntry): boolean {
    return this.#entries[entry.index] === entry
  }

  holdsFlushed(entry: WalEntry): boolean {
    return entry.index < this.#flushedCount && this.holds(entry)
  }

  /** Writes a record of `bytes` on the present timeline, not flushed. */
  append(kind: 'commit' | 'mark' | 'checkpoint', bytes: number, commit: Commit | null): WalEntry {
    const tip = this.tip
    return this.#push({ ...this.#after(tip, bytes), kind, commit })
  }

  /** The first record of a new timeline; everything before it belongs to the old one. */
  appendSwitch(timeline: TimelineId, bytes: number): WalEntry {
    const tip = this.tip
    const history = [...tip.history, { timeline: tip.timeline, endLsn: tip.endLsn }]
    return this.#push({
      ...this.#after(tip, bytes),
      kind: 'switch',
      commit: null,
      timeline,
      history,
    })
  }

  /** What a standby receives. It must continue this log. */
  receive(entry: WalEntry): void {
    if (entry.before !== this.tip)
      throw new RangeError('the received record does not continue the log')
    this.#push(entry)
  }

  flushTo(count: number): void {
    this.#flushedCount = Math.max(this.#flushedCount, Math.min(count, this.#entries.length))
  }

  /** Cuts the log to its first `count` entries: what a crash, or a rewind, leaves. */
  cutTo(count: number): void {
    this.#entries.length = Math.max(1, Math.min(count, this.#entries.length))
    this.#flushedCount = Math.min(this.#flushedCount, this.#entries.length)
  }

  /** How many entries both logs have in common. */
  commonCount(other: Wal): number {
    let low = 0
    let high = Math.min(this.count, other.count)
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#entries[middle - 1] === other.#entries[middle - 1]) low = middle
      else high = middle - 1
    }
    return low
  }

  /** How many entries lie at or before `lsn`. */
  countUpTo(lsn: Lsn): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#entries[middle - 1]?.endLsn ?? lsnZero) <= lsn) low = middle
      else high = middle - 1
    }
    return low
  }

  #after(tip: WalEntry, bytes: number): Omit<WalEntry, 'kind' | 'commit'> {
    return {
      index: tip.index + 1,
      before: tip,
      timeline: tip.timeline,
      endLsn: (tip.endLsn + bytes) as Lsn,
      history: tip.history,
    }
  }

  #push(entry: WalEntry): WalEntry {
    this.#entries.push(entry)
    return entry
  }
}

function at(entries: readonly WalEntry[], index: number): WalEntry {
  const entry = entries[index]
  if (entry === undefined) throw new RangeError(`no WAL entry ${String(index)}`)
  return entry
}

/**
 * Whether a server with `mine` as its last record can stream from one with `theirs`, as PostgreSQL
 * judges it: by timeline numbers and LSNs, never by content.
 */
export function canStream(mine: WalEntry, theirs: WalEntry): 'yes' | 'ahead' | 'other-branch' {
  if (mine.timeline === theirs.timeline) return mine.endLsn <= theirs.endLsn ? 'yes' : 'ahead'
  const left = theirs.history.find((entry) => entry.timeline === mine.timeline)
  if (left === undefined) return 'other-branch'
  return mine.endLsn <= left.endLsn ? 'yes' : 'other-branch'
}

/**
 * Where two branches part by timeline numbers, as pg_rewind judges it; undefined when they have no
 * timeline in common.
 */
export function forkLsnOf(mine: WalEntry, theirs: WalEntry): Lsn | undefined {
  const mineTimelines = [...mine.history, { timeline: mine.timeline, endLsn: mine.endLsn }]
  const theirTimelines = [...theirs.history, { timeline: theirs.timeline, endLsn: theirs.endLsn }]
  let fork: Lsn | undefined
  for (const [index, branch] of mineTimelines.entries()) {
    const other = theirTimelines[index]
    if (other?.timeline !== branch.timeline) break
    fork = Math.min(branch.endLsn, other.endLsn) as Lsn
  }
  return fork
}
