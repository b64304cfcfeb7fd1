// Which PostgreSQL processes belong to a data directory, read from /proc, and how to end them. A
// postmaster's death does not end its backends (they go on committing), so they are looked for by
// their working directory, which every PostgreSQL process keeps at its data directory.

import { readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { readTextOrNull } from './read-text.ts'

type ProcessEntry = { readonly pid: number; readonly parentPid: number; readonly command: string }

/** The working directory that PostgreSQL's processes have for `dataDirectory`, which may be missing. */
export function resolveDataDirectory(dataDirectory: string): string {
  try {
    return realpathSync(dataDirectory)
  } catch {
    try {
      return path.join(realpathSync(path.dirname(dataDirectory)), path.basename(dataDirectory))
    } catch {
      return path.resolve(dataDirectory)
    }
  }
}

/** Device and inode; null when there is nothing, or nothing that we may look at. */
function identityOf(file: string): string | null {
  try {
    const { dev, ino } = statSync(file, { bigint: true })
    return `${String(dev)}:${String(ino)}`
  } catch {
    return null
  }
}

/**
 * Ids of all PostgreSQL processes that run in `directory`, and of what they started (archive commands).
 * The directory is known by device and inode: a server that was started through a link or a bind mount has
 * another path to the same place, and one in a container sees paths of its own.
 * A shell that somebody has left in that directory is not among them. Zombies are dead and not listed.
 * @param directory as `resolveDataDirectory` gives it
 */
export function listDirectoryProcesses(directory: string): readonly number[] {
  const found = new Set<number>()
  const others: ProcessEntry[] = []
  const identity = identityOf(directory)
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const pid = Number(name)
    const workingDirectory = readLink(`/proc/${name}/cwd`)
    if (workingDirectory === null) continue
    const isNamed = workingDirectory === directory || workingDirectory === `${directory} (deleted)`
    const entry = readEntry(pid)
    if (entry === null) continue
    if (!isNamed) {
      // Only a server's directory is looked at: one on a file system that hangs would stop us, too.
      if (identity === null || !isServerCommand(entry.command)) continue
      if (identityOf(`/proc/${name}/cwd`) !== identity) continue
    }
    if (isServerCommand(entry.command)) found.add(pid)
    else others.push(entry)
  }
  addDescendants(found, others)
  found.delete(process.pid)
  return [...found]
}

/** Also of a program that somebody has given a name of its own, such as `postgres-17`. */
function isServerCommand(command: string): boolean {
  return command.startsWith('postgres') || command === 'postmaster'
}

function addDescendants(found: Set<number>, others: readonly ProcessEntry[]): void {
  let hasGrown = true
  while (hasGrown) {
    hasGrown = false
    for (const entry of others) {
      if (found.has(entry.pid) || !found.has(entry.parentPid)) continue
      found.add(entry.pid)
      hasGrown = true
    }
  }
}

function readEntry(pid: number): ProcessEntry | null {
  const stat = readTextOrNull(`/proc/${String(pid)}/stat`)
  // The command is in parentheses and may itself contain any character; the last one closes it.
  const match = stat === null ? null : /^\d+ \((.*)\) (\S) (\d+) /s.exec(stat)
  if (match?.[1] === undefined || match[2] === 'Z' || match[2] === 'X') return null
  return { pid, parentPid: Number(match[3]), command: match[1] }
}

/** True while a process with this id exists and is no zombie. */
export function isProcessAlive(pid: number): boolean {
  return readEntry(pid) !== null
}

/** Whether it was stopped by a signal (SIGSTOP, Ctrl-Z): it lives, and does nothing. */
export function isProcessFrozen(pid: number): boolean {
  const stat = readTextOrNull(`/proc/${String(pid)}/stat`)
  return stat !== null && /^\d+ \(.*\) T /s.test(stat)
}

/** The arguments of a process; empty when it is gone. */
export function readCommandLine(pid: number): readonly string[] {
  return (readTextOrNull(`/proc/${String(pid)}/cmdline`) ?? '')
    .split('\0')
    .filter((part) => part !== '')
}

/** Ids of all processes that have `argument` as one of their arguments; ourselves excluded. */
export function listProcessesWithArgument(argument: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && readCommandLine(pid).includes(argument))
    .filter(isProcessAlive)
}

/** Sends `signal`, to a process group when `pid` is negative; that it is gone already is no error. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return
    throw error
  }
}

/** Sends SIGKILL to every process of `directory`; returns how many there were. */
export function killDirectoryProcesses(directory: string): number {
  const pids = listDirectoryProcesses(directory)
  for (const pid of pids) signalProcess(pid, 'SIGKILL')
  return pids.length
}

/**
 * Ends everything that a former server left in `directory` and returns when nothing of it is left:
 * SIGQUIT to all, as a postmaster does it for an immediate stop, and after `graceMs` SIGKILL, repeated.
 * @param giveUpMs after this long (a hung disk keeps a process in the kernel) it throws
 * @throws Error naming the processes that did not die
 */
export async function endDirectoryProcesses(
  directory: string,
  graceMs: number,
  giveUpMs: number,
): Promise<number> {
  const startedAtMs = performance.now()
  let endedCount = 0
  for (;;) {
    const pids = listDirectoryProcesses(directory)
    if (pids.length === 0) return endedCount
    const elapsedMs = performance.now() - startedAtMs
    if (elapsedMs > giveUpMs) {
      throw new Error(`processes ${pids.join(', ')} of ${directory} do not die`)
    }
    if (endedCount === 0) for (const pid of pids) signalProcess(pid, 'SIGQUIT')
    if (elapsedMs >= graceMs) for (const pid of pids) signalProcess(pid, 'SIGKILL')
    endedCount = Math.max(endedCount, pids.length)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function readLink(file: string): string | null {
  try {
    return readlinkSync(file)
  } catch {
    return null
  }
}
