// The agent's side of the guard: ports/guard.ts and ports/postgres-process.ts in one object, because
// both speak over one connection.
//
//   const guard = createGuardClient({ programFile, dataDirectory, socketPath, pidFile, logFile,
//                                     killAfterMs, diskProbePeriodMs })   // all paths absolute
//   await guard.ensure()          // before anything else
//   …
//   await guard.dispose()         // leaves a guard with a running server alone, ends an idle one

import type { MonotonicMs } from '../../core/names.ts'
import {
  endDirectoryProcesses,
  isProcessAlive,
  listDirectoryProcesses,
  resolveDataDirectory,
} from '../../host/process-table.ts'
import { protocolVersion, type GuardState, type ServerEnd } from '../../guard/protocol.ts'
import { messageOf, PgherdError } from '../../lib/errors.ts'
import type { Guard, PostgresEnd } from '../../ports/guard.ts'
import type {
  PostgresProcess,
  PostgresProcessState,
  ServerCommand,
} from '../../ports/postgres-process.ts'
import { PostgresError } from '../../ports/postgres.ts'
import { GuardConnection, GuardRefusal, GuardSilence, type GuardEvent } from './connection.ts'
import { findGuard, killGuard, spawnGuard, type GuardProgram } from './guard-process.ts'

export type GuardClientOptions = GuardProgram

export type GuardClient = Guard &
  PostgresProcess & {
    /** Process id of the guard; null while there is none. */
    guardPid(): number | null
    /** Ends the connection, and the guard too when it guards nothing. */
    dispose(): Promise<void>
    /** Ends the connection only, as the death of this process would. */
    abandon(): void
  }

const connectMs = 300
const helloMs = 500
const answerMs = 1000
/** Who must stop at once waits no longer for a guard: the margin of the lease has to cover it all. */
const silentStopMs = 150
const startGuardMs = 5000
const endGuardedMs = 10_000

type EndListener = (end: PostgresEnd) => void

class Client implements GuardClient {
  readonly #program: GuardProgram
  readonly #endListeners = new Set<EndListener>()
  #connection: GuardConnection | null = null
  #state: GuardState | null = null
  #ensuring: Promise<void> | null = null
  #cleaning: Promise<void> = Promise.resolve()
  #isDisposed = false

  constructor(program: GuardProgram) {
    this.#program = program
  }

  async arm(stopByMs: MonotonicMs): Promise<void> {
    await this.#request({ type: 'arm', stopByMs }, answerMs)
  }

  extend(stopByMs: MonotonicMs): void {
    this.#connection?.extend(stopByMs)
  }

  async disarm(): Promise<void> {
    await this.#request({ type: 'disarm' }, answerMs)
  }

  stopByMs(): MonotonicMs | null {
    return (this.#state?.stopByMs ?? null) as MonotonicMs | null
  }

  holdsServer(): boolean | null {
    return this.#state === null ? null : this.#state.server !== null
  }

  isAlive(): boolean {
    return this.#connection?.isAnswering() === true && this.#state !== null
  }

  guardPid(): number | null {
    return this.#state?.guardPid ?? null
  }

  diskProbeMs(): number {
    return this.#state?.diskProbeMs ?? 0
  }

  onPostgresGone(listener: EndListener): void {
    this.#endListeners.add(listener)
  }

  onEnd(listener: EndListener): () => void {
    this.#endListeners.add(listener)
    return () => this.#endListeners.delete(listener)
  }

  state(): PostgresProcessState {
    if (this.#state === null) return { kind: 'unknown', why: 'there is no guard to ask' }
    if (this.#state.server === null) return { kind: 'none' }
    return { kind: 'running', ...this.#state.server }
  }

  async start(
    as: 'primary' | 'standby',
    command: ServerCommand,
    deadlineMs: number,
  ): Promise<void> {
    await this.#request({ type: 'start', as, command }, deadlineMs)
  }

  async stop(mode: 'fast' | 'immediate', deadlineMs: number): Promise<void> {
    // A guard that died has taken its server along.
    if (this.#connection === null) await this.#cleaning
    else await this.#stopHeld(mode, deadlineMs)
    await this.#endUnheld(deadlineMs)
  }

  /** Stops the server that the guard holds, if it holds one. */
  async #stopHeld(mode: 'fast' | 'immediate', deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    let unsubscribe = (): void => undefined
    const gone = new Promise<void>((resolve, reject) => {
      unsubscribe = this.onEnd(() => {
        resolve()
      })
      timer = setTimeout(() => {
        reject(
          new PostgresError('timeout', `PostgreSQL has not stopped (${mode}) in ${deadlineMs} ms`),
        )
      }, deadlineMs)
    })
    gone.catch(() => undefined)
    const patienceMs = mode === 'immediate' ? silentStopMs : answerMs
    try {
      const state = await this.#request({ type: 'stop', mode }, Math.min(patienceMs, deadlineMs))
      if (state.server !== null) await gone
    } catch (error) {
      const isSilent = error instanceof PostgresError && error.cause instanceof GuardSilence
      if (mode !== 'immediate' || !isSilent) throw error
      await this.#endSilentGuard()
    } finally {
      clearTimeout(timer)
      unsubscribe()
    }
  }

  /** Killed, a guard takes its server along: it need not answer for that. */
  async #endSilentGuard(): Promise<void> {
    const connection = this.#connection
    this.#connection = null
    connection?.close()
    await this.#endGuard()
  }

  /** Whatever guard there is, and what it held. */
  async #endGuard(): Promise<void> {
    const guardPid = await findGuard(this.#program)
    if (guardPid !== null) await killGuard(guardPid)
    await this.#cleanUp()
  }

  /**
   * The guard answers for its own child only. A server that a person started by hand runs in the same
   * directory and would go on as primary: nothing is stopped before no process is left there.
   */
  async #endUnheld(deadlineMs: number): Promise<void> {
    const { dataDirectory, killAfterMs } = this.#program
    const directory = resolveDataDirectory(dataDirectory)
    try {
      const endedCount = await endDirectoryProcesses(directory, killAfterMs, deadlineMs)
      if (endedCount > 0) this.#emitEnd(endByHand)
    } catch (error) {
      throw new PostgresError('timeout', messageOf(error), { cause: error })
    }
  }

  async reload(): Promise<void> {
    await this.#request({ type: 'reload' }, answerMs)
  }

  ensure(): Promise<void> {
    this.#ensuring ??= this.#ensure().finally(() => {
      this.#ensuring = null
    })
    return this.#ensuring
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true
    const connection = this.#connection
    const guardPid = this.#state?.guardPid ?? null
    if (connection === null || guardPid === null) return
    try {
      await connection.request({ type: 'quit' }, answerMs)
      const giveUpAtMs = performance.now() + answerMs
      while (isProcessAlive(guardPid) && performance.now() < giveUpAtMs) await pause(2)
    } catch (error) {
      // It guards a server (which goes on), or is gone already.
      if (!(error instanceof GuardRefusal || error instanceof GuardSilence)) throw error
    }
    connection.close()
  }

  abandon(): void {
    this.#isDisposed = true
    this.#connection?.close()
  }

  async #ensure(): Promise<void> {
    await this.#cleaning
    if (this.isAlive()) return
    this.#connection?.close()
    if (await this.#connect()) return
    await this.#endGuard()
    spawnGuard(this.#program)
    const giveUpAtMs = performance.now() + startGuardMs
    while (!(await this.#connect())) {
      if (performance.now() > giveUpAtMs) {
        throw new PgherdError({
          code: 'PGHERD_GUARD_NOT_STARTED',
          reason: 'system',
          message: `the guard of ${this.#program.dataDirectory} did not answer in ${startGuardMs / 1000} s`,
          because: 'it did not start, or this machine is too busy to run it',
          hint: `see ${this.#program.logFile}, and the load of the machine`,
        })
      }
      await pause(10)
    }
  }

  /** Takes over a guard that answers, with the server it holds. */
  async #connect(): Promise<boolean> {
    let connection: GuardConnection | null = null
    try {
      connection = await GuardConnection.open(
        this.#program.socketPath,
        {
          onState: (state) => {
            if (this.#connection === connection) this.#learn(state)
          },
          onEvent: (event) => {
            if (this.#connection === connection) this.#onEvent(event)
          },
          onClose: (isReplaced) => {
            if (this.#connection === connection) this.#onLost(isReplaced)
          },
        },
        connectMs,
      )
      const before = this.#state
      this.#connection = connection
      const state = await connection.request({ type: 'hello' }, helloMs)
      if (state.version !== protocolVersion) {
        throw new GuardSilence(`the guard speaks version ${state.version}`)
      }
      this.#reportMissedEnd(before, state)
      return true
    } catch (error) {
      if (!(error instanceof GuardSilence)) throw error
      this.#connection = null
      connection?.close()
      return false
    }
  }

  /** The server that we knew has ended while nobody listened. */
  #reportMissedEnd(before: GuardState | null, now: GuardState): void {
    if (before?.server === undefined || before.server === null) return
    if (before.server.pid === now.server?.pid) return
    this.#emitEnd(now.lastEnd ?? endUnseen)
  }

  #learn(state: GuardState): void {
    this.#state = state
  }

  #onEvent(event: GuardEvent): void {
    const state = this.#state
    if (state === null) return
    switch (event.type) {
      case 'deadline':
        this.#state = { ...state, stopByMs: event.stopByMs, diskProbeMs: event.diskProbeMs }
        return
      case 'gone':
        this.#state = { ...state, server: null, lastEnd: event.end, endCount: event.endCount }
        this.#emitEnd(event.end)
        return
      case 'fencing':
      case 'replaced':
        return
    }
  }

  #onLost(isReplaced: boolean): void {
    this.#connection = null
    if (isReplaced || this.#isDisposed) return
    const guardPid = this.#state?.guardPid ?? null
    this.#cleaning = this.#cleanUpAfter(guardPid).catch(() => undefined)
  }

  /** The kernel closes a dead process's sockets shortly before it is gone from the table. */
  async #cleanUpAfter(guardPid: number | null): Promise<void> {
    const giveUpAtMs = performance.now() + connectMs
    while (guardPid !== null && isProcessAlive(guardPid)) {
      // It lives, only the connection is lost: `ensure` makes another.
      if (performance.now() > giveUpAtMs) return
      await pause(2)
    }
    await this.#cleanUp()
  }

  /** There is no guard: its postmaster was sent QUIT by the kernel. Returns when nothing is left. */
  async #cleanUp(): Promise<void> {
    const { dataDirectory, killAfterMs } = this.#program
    const known = this.#state?.server ?? null
    const directory = resolveDataDirectory(dataDirectory)
    const hadServer = known !== null || listDirectoryProcesses(directory).length > 0
    await endDirectoryProcesses(directory, killAfterMs, endGuardedMs)
    this.#state = null
    if (hadServer) this.#emitEnd(endUnseen)
  }

  #emitEnd(end: ServerEnd): void {
    const { kind, exitCode, signal } = end
    for (const listener of [...this.#endListeners]) listener({ kind, exitCode, signal })
  }

  async #request(
    body: Parameters<GuardConnection['request']>[0],
    deadlineMs: number,
  ): Promise<GuardState> {
    const connection = this.#connection
    if (connection === null) throw new PostgresError('failed', 'there is no guard')
    try {
      return await connection.request(body, deadlineMs)
    } catch (error) {
      const kind = error instanceof GuardRefusal ? 'refused' : 'timeout'
      throw new PostgresError(kind, `guard, ${body.type}: ${messageOf(error)}`, { cause: error })
    }
  }
}

/** A server that no guard held was ended by its directory. */
const endByHand: ServerEnd = { kind: 'stopped', exitCode: null, signal: 'SIGQUIT', orphanCount: 0 }

/** The server ended together with its guard. */
const endUnseen: ServerEnd = { kind: 'killed', exitCode: null, signal: 'SIGQUIT', orphanCount: 0 }

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs))
}

/** A client that is not connected yet: call `ensure` first. */
export function createGuardClient(options: GuardClientOptions): GuardClient {
  return new Client(options)
}
