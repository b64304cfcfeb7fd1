// The guard itself: joins deadline, server, disk probe and the agent's messages. Its law: whatever wakes
// it, the deadline is compared first; and a primary is started only under a deadline.

import { uptime } from 'node:os'
import { readMonotonicMs } from '../host/monotonic.ts'
import { AgentConnection } from './agent-connection.ts'
import { createDeadline } from './deadline.ts'
import { createDiskProbe } from './disk-probe.ts'
import {
  protocolVersion,
  type GuardMessage,
  type GuardRequest,
  type GuardState,
  type ServerEnd,
} from './protocol.ts'
import { ServerProcess } from './server-process.ts'

export type GuardOptions = {
  readonly dataDirectory: string
  readonly socketPath: string
  readonly sharedMemoryRecord: string
  readonly killAfterMs: number
  readonly diskProbePeriodMs: number
  /** Without a server and without an agent for this long, the guard is not needed. */
  readonly idleExitMs: number
  readonly log: (message: string) => void
  readonly exit: () => void
}

// A timer that was set before the machine was suspended fires too late by the time of suspension, for its
// clock stood still. So while there is a deadline the clocks are also compared this often, and with each
// renewal. More often costs more than it gives: a look takes a fifth of a millisecond, and the deadline
// has its own timer.
const suspensionTickMs = 200
// A look at the whole process table: once when the deadline passes, then rarely, for a server that
// somebody starts by hand after it.
const foreignLookPeriodMs = 1000
const logTrimPeriodMs = 10_000

export class Guard {
  readonly #options: GuardOptions
  readonly #server: ServerProcess
  readonly #agent: AgentConnection
  readonly #deadline = createDeadline({
    monotonicMs: readMonotonicMs,
    bootMs: () => uptime() * 1000,
  })
  readonly #disk
  #deadlineTimer: NodeJS.Timeout | null = null
  #exactTimer: NodeJS.Timeout | undefined
  #fencedFor: number | null = null
  /** When a server that is not ours was looked for last, and after which deadline. */
  #foreignLook: { stopByMs: number | null; atMs: number } = { stopByMs: null, atMs: 0 }
  #endCount = 0
  #lastEnd: ServerEnd | null = null
  #uselessSinceMs = readMonotonicMs()

  constructor(options: GuardOptions) {
    this.#options = options
    this.#disk = createDiskProbe(options.dataDirectory, readMonotonicMs)
    this.#server = new ServerProcess({
      dataDirectory: options.dataDirectory,
      sharedMemoryRecord: options.sharedMemoryRecord,
      killAfterMs: options.killAfterMs,
      onGone: (end) => {
        this.#onGone(end)
      },
    })
    this.#agent = new AgentConnection({
      socketPath: options.socketPath,
      beforeAnything: () => {
        this.#checkDeadline()
      },
      handle: (message) => {
        this.#handle(message)
      },
      log: options.log,
    })
  }

  /** Opens the socket and begins the periodic work. */
  async run(): Promise<void> {
    await this.#agent.listen()
    setInterval(() => {
      this.#checkDeadline()
      if (this.#server.server() !== null) this.#disk.run()
      this.#exitWhenUseless()
    }, this.#options.diskProbePeriodMs)
    setInterval(() => {
      this.#server.trimLog()
    }, logTrimPeriodMs)
  }

  #checkDeadline(): void {
    const lateMs = this.#deadline.lateMs()
    const stopByMs = this.#deadline.stopByMs()
    if (lateMs === null || stopByMs === null) return
    // Also when nothing of ours runs: the deadline is about the directory, whoever started a server there.
    if (this.#server.server() === null) {
      this.#endForeign(lateMs)
      return
    }
    if (this.#fencedFor === stopByMs) return
    this.#fencedFor = stopByMs
    this.#server.fence()
    this.#agent.send({ type: 'fencing', stopByMs, lateMs })
    this.#options.log(`the deadline passed ${lateMs.toFixed(1)} ms ago: stopping PostgreSQL`)
  }

  #endForeign(lateMs: number): void {
    const nowMs = readMonotonicMs()
    const { stopByMs, atMs } = this.#foreignLook
    const isNewDeadline = stopByMs !== this.#deadline.stopByMs()
    if (!isNewDeadline && nowMs - atMs < foreignLookPeriodMs) return
    this.#foreignLook = { stopByMs: this.#deadline.stopByMs(), atMs: nowMs }
    this.#server.endForeign().then(
      (count) => {
        if (count === 0) return
        this.#options.log(
          `PostgreSQL ran without this guard ${lateMs.toFixed(1)} ms after the deadline: ended ${count} processes`,
        )
      },
      (error: unknown) => {
        this.#options.log(error instanceof Error ? error.message : String(error))
      },
    )
  }

  /**
   * The timers run only while there is a deadline to compare: one for the exact instant, one for a machine
   * that was suspended meanwhile and for a server that somebody starts by hand after the deadline.
   */
  #updateTimer(): void {
    const stopByMs = this.#deadline.stopByMs()
    const isNeeded = stopByMs !== null
    clearTimeout(this.#exactTimer)
    if (isNeeded) {
      // Node takes whole milliseconds and drops the rest, so the timer may come before the deadline.
      const leftMs = Math.max(1, Math.ceil(stopByMs - readMonotonicMs()))
      this.#exactTimer = setTimeout(() => {
        this.#checkDeadline()
        if (this.#deadline.lateMs() === null) this.#updateTimer()
      }, leftMs)
    }
    if (isNeeded && this.#deadlineTimer === null) {
      this.#deadlineTimer = setInterval(() => {
        this.#checkDeadline()
      }, suspensionTickMs)
    } else if (!isNeeded && this.#deadlineTimer !== null) {
      clearInterval(this.#deadlineTimer)
      this.#deadlineTimer = null
    }
  }

  #handle(message: GuardMessage): void {
    switch (message.type) {
      case 'extend':
        this.#extend(message.stopByMs)
        this.#agent.send({
          type: 'deadline',
          stopByMs: this.#deadline.stopByMs(),
          diskProbeMs: this.#disk.durationMs(),
        })
        return
      case 'arm':
        this.#extend(message.stopByMs)
        this.#answer(message)
        return
      case 'disarm':
        // A server that is being fenced stays fenced.
        this.#deadline.disarm()
        this.#fencedFor = null
        this.#updateTimer()
        this.#answer(message)
        return
      case 'hello':
      case 'ping':
        this.#answer(message)
        return
      case 'start':
        void this.#start(message)
        return
      case 'stop':
        this.#server.stop(message.mode)
        this.#answer(message)
        return
      case 'reload':
        this.#server.reload()
        this.#answer(message)
        return
      case 'quit':
        if (this.#server.isBusy()) this.#refuse(message, 'a server runs')
        else this.#quit(message)
        return
    }
  }

  #extend(stopByMs: number): void {
    this.#deadline.extend(stopByMs)
    this.#updateTimer()
  }

  async #start(message: Extract<GuardRequest, { type: 'start' }>): Promise<void> {
    try {
      const starting = this.#server.start(message.as, message.command, () =>
        this.#whyNotStart(message.as),
      )
      this.#updateTimer()
      await starting
      this.#disk.reset()
      this.#checkDeadline()
      this.#answer(message)
    } catch (error) {
      this.#refuse(message, error instanceof Error ? error.message : String(error))
    }
    this.#updateTimer()
  }

  #whyNotStart(as: 'primary' | 'standby'): string | null {
    if (this.#deadline.lateMs() !== null) {
      return 'the deadline has passed: extend it or disarm the guard first'
    }
    if (as === 'primary' && this.#deadline.stopByMs() === null) {
      return 'a primary may run only under a deadline: arm the guard first'
    }
    return null
  }

  #onGone(end: ServerEnd): void {
    this.#endCount += 1
    this.#lastEnd = end
    this.#disk.reset()
    this.#updateTimer()
    this.#agent.send({ type: 'gone', end, endCount: this.#endCount })
    const rest = end.orphanCount === 0 ? '' : `, ${end.orphanCount} orphans had to be killed`
    this.#options.log(
      `PostgreSQL is gone: ${end.kind}, code ${String(end.exitCode)}, signal ${String(end.signal)}${rest}`,
    )
  }

  #answer(request: GuardRequest): void {
    this.#agent.send({ type: 'answer', id: request.id, state: this.#state() })
  }

  #refuse(request: GuardRequest, why: string): void {
    this.#agent.send({ type: 'refusal', id: request.id, why })
    this.#options.log(`refused ${request.type}: ${why}`)
  }

  #state(): GuardState {
    return {
      version: protocolVersion,
      guardPid: process.pid,
      server: this.#server.server(),
      stopByMs: this.#deadline.stopByMs(),
      endCount: this.#endCount,
      lastEnd: this.#lastEnd,
      diskProbeMs: this.#disk.durationMs(),
    }
  }

  #exitWhenUseless(): void {
    const nowMs = readMonotonicMs()
    const isDeadlineAhead = this.#deadline.stopByMs() !== null && this.#deadline.lateMs() === null
    if (this.#server.isBusy() || this.#agent.isConnected() || isDeadlineAhead) {
      this.#uselessSinceMs = nowMs
    }
    if (nowMs - this.#uselessSinceMs <= this.#options.idleExitMs) return
    this.#options.log('no PostgreSQL and no agent: exiting')
    this.#agent.close()
    this.#options.exit()
  }

  #quit(message: GuardRequest): void {
    this.#answer(message)
    this.#agent.close()
    // The answer is on its way when the socket has taken it; `end` flushes before the process is left.
    setImmediate(() => {
      this.#options.exit()
    })
  }
}
