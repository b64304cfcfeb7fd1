// All processes of this machine as /proc shows them, and which of them belong to a node. A node's
// processes are found without asking anybody: the agent may be dead, the guard frozen, pid files stale.

import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import path from 'node:path'

export type ProcessInfo = {
  readonly pid: number
  readonly parentPid: number
  /** Name of the program, at most 15 characters. */
  readonly name: string
  readonly isFrozen: boolean
  /** Clock ticks after boot: with the pid it names one process for ever. */
  readonly startTicks: number
  readonly arguments: readonly string[]
  readonly workingDirectory: string | null
  readonly residentBytes: number
}

const pageBytes = 4096

/** Everything alive; zombies are dead. Processes that end meanwhile are left out. */
export function listProcesses(): readonly ProcessInfo[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((each) => each !== null)
}

/** One process; null when there is none or it is a zombie. */
export function readProcess(pid: number): ProcessInfo | null {
  const stat = read(`/proc/${String(pid)}/stat`)
  // The name is in parentheses and may itself contain any character; the last one closes it.
  const match = stat === null ? null : /^\d+ \((.*)\) (\S) (.*)$/s.exec(stat.trimEnd())
  if (match?.[1] === undefined || match[3] === undefined) return null
  const state = match[2]
  if (state === 'Z' || state === 'X') return null
  // Fields are counted from 4 here: the parent is the first, the start time the nineteenth.
  const fields = match[3].split(' ')
  return {
    pid,
    parentPid: Number(fields[0]),
    name: match[1],
    isFrozen: state === 'T' || state === 't',
    startTicks: Number(fields[18]),
    arguments: (read(`/proc/${String(pid)}/cmdline`) ?? '').split('\0').filter((one) => one !== ''),
    workingDirectory: readWorkingDirectory(pid),
    residentBytes: Number(fields[20]) * pageBytes,
  }
}

/** Whether the process that was recorded with this start still runs. */
export function isSameProcess(pid: number, startTicks: number): boolean {
  return readProcess(pid)?.startTicks === startTicks
}

/** Programs that pgherd runs on a node. A shell or an editor of a person is none of them. */
const nodePrograms = /^(postgres|postmaster|etcd|haproxy|initdb|setpriv|pg_[a-z]+)$/
/** Agent and guard. People run Node too, perhaps in our folder: the place alone does not tell. */
const nodeItself = /^(node|MainThread)$/

/**
 * The processes of one node: programs of ours that work in its folder or were started with a path in
 * it, and everything that they have started.
 * @param nodeDirectory absolute
 */
export function processesOfNode(
  all: readonly ProcessInfo[],
  nodeDirectory: string,
): readonly ProcessInfo[] {
  const namesFolder = (each: ProcessInfo) =>
    each.arguments.some((one) => isBelow(one.replace(/^--[a-z-]+=/, ''), nodeDirectory))
  const isOurs = (each: ProcessInfo) =>
    (nodeItself.test(each.name) && namesFolder(each)) ||
    (nodePrograms.test(each.name) &&
      (isBelow(each.workingDirectory, nodeDirectory) || namesFolder(each)))
  const found = new Set(all.filter(isOurs).map((each) => each.pid))
  found.delete(process.pid)
  let hasGrown = found.size > 0
  while (hasGrown) {
    hasGrown = false
    for (const each of all) {
      if (found.has(each.pid) || !found.has(each.parentPid) || each.pid === process.pid) continue
      found.add(each.pid)
      hasGrown = true
    }
  }
  return all.filter((each) => found.has(each.pid))
}

/** The agent among the processes of a node. */
export function agentAmong(processes: readonly ProcessInfo[]): ProcessInfo | null {
  return (
    processes.find((each) => nodeItself.test(each.name) && each.arguments.includes('agent')) ?? null
  )
}

function isBelow(file: string | null, directory: string): boolean {
  if (file === null) return false
  const bare = file.replace(/ \(deleted\)$/, '')
  return bare === directory || bare.startsWith(directory + path.sep)
}

function readWorkingDirectory(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${String(pid)}/cwd`)
  } catch {
    return null
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
