// The postmaster as the guard's child: start, reload, stop, and the proof that nothing of it is left.
// Knows nothing of deadlines or agents.

import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import {
  endDirectoryProcesses,
  killDirectoryProcesses,
  resolveDataDirectory,
} from '../host/process-table.ts'
import {
  findSharedMemory,
  noSharedMemory,
  recordSharedMemory,
  removeFiles,
} from '../host/shared-memory.ts'
import type { SharedMemory } from '../host/shared-memory.ts'
import type { ServerCommand, ServerEnd, ServerEndKind, ServerRole } from './protocol.ts'
import { trimServerLog, withServerLog } from './server-log.ts'

export type ServerProcessOptions = {
  readonly dataDirectory: string
  /** Where to write what shared memory the server has, for when nobody is left to remove it. */
  readonly sharedMemoryRecord: string
  /** From SIGQUIT to SIGKILL. */
  readonly killAfterMs: number
  /** No process of the data directory is left. */
  readonly onGone: (end: ServerEnd) => void
}

type Running = {
  readonly child: ChildProcess
  readonly pid: number
  readonly as: ServerRole
  readonly command: ServerCommand
  readonly directory: string
  /** Why it will end, when we know; the first reason counts, but fencing overrides a slow stop. */
  ending: Extract<ServerEndKind, 'fenced' | 'stopped'> | null
  killTimer: NodeJS.Timeout | null
  sharedMemory: SharedMemory
  memoryTimer: NodeJS.Timeout | null
}

const leftoverGiveUpMs = 10_000
const memorySearchMs = 20
const memorySearchesMax = 500
// A start after a crash maps the former memory for a moment, and a crash of a backend makes new one.
const memorySecondLookMs = 1000
const memoryRefreshMs = 30_000
const rescanMs = 5
// A process that a hung disk keeps in the kernel may stay for long.
const rescanMaxMs = 250

export class ServerProcess {
  readonly #options: ServerProcessOptions
  #running: Running | null = null
  #isStarting = false
  #isEndingForeign = false

  constructor(options: ServerProcessOptions) {
    this.#options = options
  }

  server(): { readonly pid: number; readonly as: ServerRole } | null {
    return this.#running === null ? null : { pid: this.#running.pid, as: this.#running.as }
  }

  /** True from the first step of a start until the proof that everything has ended. */
  isBusy(): boolean {
    return this.#running !== null || this.#isStarting
  }

  /**
   * Ends what a former server left behind, then starts one.
   * @param mayStart asked at the last instant before the spawn; a text is the reason for not starting
   * @throws Error when one runs already, may not start, or the program cannot be run
   */
  async start(
    as: ServerRole,
    command: ServerCommand,
    mayStart: () => string | null,
  ): Promise<void> {
    if (this.isBusy()) throw new Error('a server runs already')
    this.#isStarting = true
    try {
      const directory = resolveDataDirectory(this.#options.dataDirectory)
      await endDirectoryProcesses(directory, this.#options.killAfterMs, leftoverGiveUpMs)
      removeStaleLocks(directory, command)
      const refusal = mayStart()
      if (refusal !== null) throw new Error(refusal)
      await this.#spawn(as, command, directory)
    } finally {
      this.#isStarting = false
    }
  }

  async #spawn(as: ServerRole, command: ServerCommand, directory: string): Promise<void> {
    // The death signal is QUIT: on the guard's death the postmaster must end its backends, which it
    // could not do after KILL. setpriv becomes the postmaster, so the child's id is the postmaster's.
    const drop =
      command.runAs === null
        ? []
        : [`--reuid=${command.runAs.uid}`, `--regid=${command.runAs.gid}`, '--clear-groups']
    const args = ['--pdeathsig=QUIT', ...drop, '--', command.program, ...command.args]
    const child = withServerLog(command.logFile, (log) =>
      spawn('setpriv', args, { cwd: '/', env: { ...command.env }, stdio: ['ignore', log, log] }),
    )
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    const pid = child.pid
    if (pid === undefined) throw new Error('the server has no process id')
    const running: Running = {
      child,
      pid,
      as,
      command,
      directory,
      ending: null,
      killTimer: null,
      sharedMemory: noSharedMemory,
      memoryTimer: null,
    }
    this.#running = running
    this.#noteSharedMemory(running)
    child.once('exit', (exitCode, signal) => {
      this.#finish(running, exitCode, signal)
    })
    // It may have ended between its start and the line above.
    if (child.exitCode !== null || child.signalCode !== null) {
      child.removeAllListeners('exit')
      this.#finish(running, child.exitCode, child.signalCode)
    }
  }

  reload(): void {
    this.#running?.child.kill('SIGHUP')
  }

  /** Fast: clean shutdown. Immediate: SIGQUIT, and SIGKILL to everything after the kill time. */
  stop(mode: 'fast' | 'immediate'): void {
    const running = this.#running
    if (running === null) return
    running.ending ??= 'stopped'
    if (mode === 'fast') running.child.kill('SIGINT')
    else this.#end(running)
  }

  /** As an immediate stop, but remembered as fencing. */
  fence(): void {
    const running = this.#running
    if (running === null || running.ending === 'fenced') return
    running.ending = 'fenced'
    this.#end(running)
  }

  /**
   * Ends a server in the data directory that is not ours: somebody has started it by hand. Nothing happens
   * while one of ours runs or starts.
   * @returns how many processes there were
   * @throws Error naming those that do not die
   */
  async endForeign(): Promise<number> {
    if (this.isBusy() || this.#isEndingForeign) return 0
    this.#isEndingForeign = true
    try {
      const directory = resolveDataDirectory(this.#options.dataDirectory)
      return await endDirectoryProcesses(directory, this.#options.killAfterMs, leftoverGiveUpMs)
    } finally {
      this.#isEndingForeign = false
    }
  }

  #end(running: Running): void {
    running.child.kill('SIGQUIT')
    running.killTimer ??= setTimeout(() => {
      this.#kill(running)
    }, this.#options.killAfterMs)
  }

  #kill(running: Running): void {
    if (this.#running !== running) return
    running.child.kill('SIGKILL')
    killDirectoryProcesses(running.directory)
    running.killTimer = setTimeout(() => {
      this.#kill(running)
    }, rescanMs * 4)
  }

  /** The postmaster was reaped. "Surely dead" is said only after no process of its directory is left. */
  #finish(
    running: Running,
    exitCode: number | null,
    signal: NodeJS.Signals | null,
    orphanCount = 0,
    waitMs = rescanMs,
  ): void {
    if (running.memoryTimer !== null) clearTimeout(running.memoryTimer)
    const leftCount = killDirectoryProcesses(running.directory)
    if (leftCount > 0) {
      const nextWaitMs = Math.min(waitMs * 2, rescanMaxMs)
      setTimeout(() => {
        this.#finish(running, exitCode, signal, Math.max(orphanCount, leftCount), nextWaitMs)
      }, waitMs)
      return
    }
    if (running.killTimer !== null) clearTimeout(running.killTimer)
    this.#running = null
    removeFiles(running.sharedMemory)
    const kind = running.ending ?? (signal === null ? 'exited' : 'killed')
    this.#options.onGone({ kind, exitCode, signal, orphanCount })
  }

  /**
   * Finds out what is to be removed if the server should be killed: often until the postmaster has made
   * it, and now and then afterwards, because a server that restarts after a crash makes it anew.
   */
  #noteSharedMemory(running: Running, searchesLeft = memorySearchesMax): void {
    const isFoundBefore = running.sharedMemory.files.length > 0
    findSharedMemory(running.pid, (found) => {
      // The number of one that was reaped may belong to another server by now.
      if (running.child.exitCode !== null || running.child.signalCode !== null) return
      if (found.files.length > 0) this.#remember(running, found)
      const isFound = running.sharedMemory.files.length > 0
      const isSearching = !isFound && searchesLeft > 0
      const isSecondLook = isFound && !isFoundBefore
      const laterMs = isSecondLook ? memorySecondLookMs : memoryRefreshMs
      running.memoryTimer = setTimeout(
        () => {
          this.#noteSharedMemory(running, searchesLeft - 1)
        },
        isSearching ? memorySearchMs : laterMs,
      )
    })
  }

  #remember(running: Running, found: SharedMemory): void {
    const isNew = found.files.some((file) => !running.sharedMemory.files.includes(file))
    running.sharedMemory = found
    if (isNew) recordSharedMemory(this.#options.sharedMemoryRecord, found)
  }

  /** To be called now and then: keeps the log of a running server below its size. */
  trimLog(): void {
    if (this.#running === null) return
    trimServerLog(this.#running.command.logFile, this.#running.command.logSizeMaxBytes)
  }
}

/**
 * No process of the directory is left, so its lock files are stale. PostgreSQL would believe them when
 * another process has taken the number since, which in containers is the rule.
 */
function removeStaleLocks(directory: string, command: ServerCommand): void {
  rmSync(path.join(directory, 'postmaster.pid'), { force: true })
  const socketDirectory = settingOf(command, 'unix_socket_directories')
  const port = settingOf(command, 'port')
  if (socketDirectory === null || port === null) return
  const lockFile = path.join(socketDirectory, `.s.PGSQL.${port}.lock`)
  try {
    // Second line: the data directory of the server that holds the socket.
    const holder = readFileSync(lockFile, 'utf8').split('\n')[1] ?? ''
    if (resolveDataDirectory(holder) !== directory) return
  } catch {
    return
  }
  rmSync(lockFile, { force: true })
  rmSync(path.join(socketDirectory, `.s.PGSQL.${port}`), { force: true })
}

function settingOf(command: ServerCommand, name: string): string | null {
  const prefix = `${name}=`
  return command.args.find((arg) => arg.startsWith(prefix))?.slice(prefix.length) ?? null
}
