// What a process costs, read from /proc: memory, processor time, open files.

import { readFile, readdir } from 'node:fs/promises'

export type Usage = {
  readonly residentBytes: number
  /** Resident memory with shared pages divided among those who share them. */
  readonly proportionalBytes: number
  /** Processor time of all its threads since it started. */
  readonly cpuMs: number
  readonly openFileCount: number
}

/** USER_HZ, in which /proc counts; 100 on every Linux that Node supports. */
const ticksPerSecond = 100

/** @returns null when the process is gone */
export async function readUsage(pid: number): Promise<Usage | null> {
  try {
    const [stat, rollup, files] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/smaps_rollup`, 'utf8'),
      readdir(`/proc/${pid}/fd`),
    ])
    return {
      residentBytes: parseKilobytes(rollup, 'Rss') * 1024,
      proportionalBytes: parseKilobytes(rollup, 'Pss') * 1024,
      cpuMs: (parseTicks(stat) / ticksPerSecond) * 1000,
      openFileCount: files.length,
    }
  } catch {
    return null
  }
}

/** User and system time of /proc/PID/stat. The name in parentheses may contain anything. */
export function parseTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // Fields 14 and 15 of the file; the state, field 3, is the first one here.
  return Number(fields[11]) + Number(fields[12])
}

/** One line of /proc/PID/smaps_rollup. @throws RangeError when it is not there */
export function parseKilobytes(rollup: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(rollup)
  if (match === null) throw new RangeError(`smaps_rollup has no ${name}`)
  return Number(match[1])
}

/** Arguments of a process; empty when it is gone. */
export async function readArguments(pid: number): Promise<readonly string[]> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').slice(0, -1)
  } catch {
    return []
  }
}

/** @returns null when the process is gone */
export async function readParent(pid: number): Promise<number | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return null
  }
}
