// Timelines as files in pg_wal: history files and the names of WAL segments. Parsing is pure; the
// reading functions take the data directory.

import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { TimelineId } from '../../core/names.ts'
import { parseLsn, type Lsn } from '../../core/lsn.ts'
import type { TimelineHistory, TimelineSwitch } from '../../core/position.ts'
import { readFileIfPresent, syncDirectory, writeFileAtomic } from '../../host/files.ts'
import type { DatabaseUser } from './database-user.ts'

/** `00000003.history`. */
export function historyFileName(timeline: TimelineId): string {
  return `${hex8(timeline)}.history`
}

/** `000000030000000000000007`: the segment that holds the byte before `lsn`. */
export function segmentName(timeline: TimelineId, lsn: Lsn, segmentBytes: number): string {
  const number = Math.floor(Math.max(0, lsn - 1) / segmentBytes)
  const segmentsPerId = 0x1_0000_0000 / segmentBytes
  return `${hex8(timeline)}${hex8(Math.floor(number / segmentsPerId))}${hex8(number % segmentsPerId)}`
}

function hex8(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0')
}

/** @throws RangeError when a line is damaged */
export function parseHistory(text: string): TimelineHistory {
  const switches: TimelineSwitch[] = []
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue
    const [timeline, lsn] = line.trim().split(/\s+/)
    if (timeline === undefined || lsn === undefined || !/^\d+$/.test(timeline)) {
      throw new RangeError(`a line of a history file is damaged: ${line}`)
    }
    switches.push({ timeline: Number(timeline) as TimelineId, endLsn: parseLsn(lsn) })
  }
  return switches
}

/**
 * The timeline to which the WAL up to `lsn` belongs, for a server whose newest file is of `timeline`
 * with `history`. A segment file of the new timeline begins with a copy of the old one's records, so a
 * file alone proves nothing: only WAL beyond the switch is the new timeline's.
 */
export function timelineAt(lsn: Lsn, timeline: TimelineId, history: TimelineHistory): TimelineId {
  return history.find((entry) => lsn <= entry.endLsn)?.timeline ?? timeline
}

/**
 * The history of `timeline` as this directory knows it; null when it lacks the file.
 * Timeline 1 has none.
 */
export async function readHistory(
  dataDirectory: string,
  timeline: TimelineId,
): Promise<TimelineHistory | null> {
  if (timeline === 1) return []
  const file = path.join(dataDirectory, 'pg_wal', historyFileName(timeline))
  const text = await readFileIfPresent(file)
  return text === null || text === '' ? null : parseHistory(text)
}

/**
 * The highest timeline that has a segment file holding the byte before `lsn`; null without any. A segment
 * whose timeline has no history here yet does not count: the receiver was cut between the two.
 */
export async function newestTimelineAt(
  dataDirectory: string,
  lsn: Lsn,
  segmentBytes: number,
): Promise<TimelineId | null> {
  const wanted = segmentName(1 as TimelineId, lsn, segmentBytes).slice(8)
  const names = await readdir(path.join(dataDirectory, 'pg_wal'))
  const timelines = names
    .filter((name) => /^[0-9A-F]{24}$/.test(name) && name.slice(8) === wanted)
    .map((name) => Number.parseInt(name.slice(0, 8), 16) as TimelineId)
    .sort((left, right) => right - left)
  for (const timeline of timelines) {
    if ((await readHistory(dataDirectory, timeline)) !== null) return timeline
  }
  return null
}

/**
 * Places an empty history file for every id above `present` and below `wanted` that has none, so that a
 * server that is promoted takes `wanted` (it takes the first id after its own without a history file;
 * seen on 15.18).
 */
export async function placePlaceholders(
  dataDirectory: string,
  present: TimelineId,
  wanted: TimelineId,
  owner: DatabaseUser | null,
): Promise<void> {
  for (let id = present + 1; id < wanted; id += 1) {
    const file = path.join(dataDirectory, 'pg_wal', historyFileName(id as TimelineId))
    if ((await readFileIfPresent(file)) !== null) continue
    await writeFileAtomic(file, '', { mode: 0o600, owner })
  }
}

/**
 * Takes away empty history files that no real one follows. They were left by a promotion that did not
 * happen, or by a receiver that ended while it fetched them, and a standby that finds one as the newest
 * refuses to start ("requested timeline is not a child of this server's history").
 * @returns how many were removed
 */
export async function removeLeftoverPlaceholders(dataDirectory: string): Promise<number> {
  const directory = path.join(dataDirectory, 'pg_wal')
  const names = (await readdir(directory)).filter((name) => /^[0-9A-F]{8}\.history$/.test(name))
  let removedCount = 0
  for (const name of names.sort().reverse()) {
    const text = await readFileIfPresent(path.join(directory, name))
    if (text !== '') break
    await rm(path.join(directory, name))
    removedCount += 1
  }
  if (removedCount > 0) await syncDirectory(directory)
  return removedCount
}
