// All processes of this machine as /proc shows them: what they are, where they work, whether they are
// frozen, and since when they run.

import { readdirSync, readlinkSync } from 'node:fs'
import { readTextOrNull } from './read-text.ts'

export type ProcessInfo = {
  readonly pid: number
  readonly parentPid: number
  /** Name of the program, at most 15 characters. */
  readonly name: string
  readonly isFrozen: boolean
  /** It was started apart from its parent (setsid), as daemons are. */
  readonly isSessionLeader: boolean
  /** Clock ticks after boot: with the pid it names one process for ever. */
  readonly startTicks: number
  readonly arguments: readonly string[]
  readonly workingDirectory: string | null
  readonly residentBytes: number
}

const pageBytes = 4096

/** Everything alive, by pid; zombies are dead. Processes that end meanwhile are left out. */
export function listProcesses(): readonly ProcessInfo[] {
  // Node sorts the names of a directory as texts: 10089 would come before 9965.
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .toSorted((one, other) => one - other)
    .map(readProcess)
    .filter((each) => each !== null)
}

/** One process; null when there is none or it is a zombie. */
export function readProcess(pid: number): ProcessInfo | null {
  const stat = readTextOrNull(`/proc/${String(pid)}/stat`)
  // The name is in parentheses and may itself contain any character; the last one closes it.
  const match = stat === null ? null : /^\d+ \((.*)\) (\S) (.*)$/s.exec(stat.trimEnd())
  if (match?.[1] === undefined || match[3] === undefined) return null
  const state = match[2]
  if (state === 'Z' || state === 'X') return null
  // Fields are counted from 4 here: parent, group, session; the start time is the nineteenth.
  const fields = match[3].split(' ')
  return {
    pid,
    parentPid: Number(fields[0]),
    name: match[1],
    isFrozen: state === 'T' || state === 't',
    isSessionLeader: Number(fields[2]) === pid,
    startTicks: Number(fields[18]),
    arguments: (readTextOrNull(`/proc/${String(pid)}/cmdline`) ?? '')
      .split('\0')
      .filter((one) => one !== ''),
    workingDirectory: readWorkingDirectory(pid),
    residentBytes: Number(fields[20]) * pageBytes,
  }
}

/** Whether the process that was recorded with this start still runs. */
export function isSameProcess(pid: number, startTicks: number): boolean {
  return readProcess(pid)?.startTicks === startTicks
}

function readWorkingDirectory(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${String(pid)}/cwd`)
  } catch {
    return null
  }
}
