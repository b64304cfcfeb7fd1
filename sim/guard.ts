// The guard process of a data node: parent of the postmaster, holder of the deadline. It acts although
// the agent is frozen or dead, and does not when it is frozen or dead itself.

import type { MonotonicMs } from '../src/core/names.ts'
import type { Protections } from '../src/core/protections.ts'
import type { Guard, PostgresEnd } from '../src/ports/guard.ts'
import type { NodeClock } from './clock.ts'
import type { SimServer } from './postgres/server.ts'
import type { SimRandom } from './random.ts'
import { SimProcess, type ScheduledEvent, type Simulator } from './simulator.ts'

export type GuardSettings = {
  readonly simulator: Simulator
  readonly clock: NodeClock
  readonly random: SimRandom
  readonly protections: Protections
  readonly killAfterMs: number
  readonly name: string
  /** The server in the data directory, whoever started it. */
  readonly serverInDirectory: () => SimServer | null
}

export class SimGuardProcess {
  readonly process: SimProcess
  stopByMs: MonotonicMs | null = null
  server: SimServer | null = null
  readonly #settings: GuardSettings
  #timer: ScheduledEvent | null = null
  #cause: PostgresEnd['kind'] = 'killed'
  #goneListener: ((cause: PostgresEnd) => void) | null = null

  constructor(settings: GuardSettings) {
    this.#settings = settings
    this.process = new SimProcess(settings.simulator, settings.name, { runsPromises: false })
    // The postmaster is told SIGQUIT when its parent dies.
    this.process.onDeath(() => this.server?.quit())
  }

  /** The agent that is there now; a later one takes over. */
  reportTo(listener: (cause: PostgresEnd) => void): void {
    this.#goneListener = listener
  }

  extend(stopByMs: MonotonicMs): void {
    if (this.stopByMs !== null && stopByMs <= this.stopByMs) return
    this.stopByMs = stopByMs
    this.#setTimer()
  }

  disarm(): void {
    this.stopByMs = null
  }

  /** Runs a server as its child. */
  adopt(server: SimServer): void {
    this.server = server
    this.#cause = 'killed'
    this.#follow(server)
  }

  /** What the next end of the server is to be called. */
  expectStop(): void {
    this.#cause = 'stopped'
  }

  /** Whether it has answered within `silenceMs`: a frozen one has not for a while. */
  isAnswering(silenceMs: number): boolean {
    if (this.process.isRunning) return true
    const { frozenSinceMs } = this.process
    if (frozenSinceMs === null) return false
    return this.#settings.simulator.nowMs - frozenSinceMs < silenceMs
  }

  /** What becomes of a guard that does not answer somebody who must stop the server at once. */
  endIfSilent(): void {
    if (!this.process.isRunning) this.process.kill()
  }

  #setTimer(): void {
    if (this.#timer !== null || this.stopByMs === null) return
    const { clock, random } = this.#settings
    const waitMs = clock.trueMs(Math.max(0, this.stopByMs - clock.monotonicMs()))
    // A timer is never early; on a busy machine it is a little late.
    this.#timer = this.process.schedule(waitMs + random.duration(0.4, 15), () => {
      this.#timer = null
      if (this.stopByMs === null) return
      if (clock.monotonicMs() < this.stopByMs) this.#setTimer()
      else this.#fence()
    })
  }

  #fence(): void {
    const { clock, killAfterMs, protections } = this.#settings
    const server = protections['fence-by-directory']
      ? this.#settings.serverInDirectory()
      : this.server
    this.stopByMs = null
    if (server === null || server.role === 'dead' || !protections.guard) return
    this.#cause = 'fenced'
    server.quit()
    this.process.schedule(clock.trueMs(killAfterMs), () => server.kill())
  }

  #follow(server: SimServer): void {
    server.onChange(() => {
      if (server.role === 'orphaned') {
        this.process.schedule(this.#settings.random.duration(12, 60), () => this.#reap(server))
      } else if (server.role === 'dead') {
        this.process.schedule(this.#settings.random.duration(3, 20), () => this.#tell(server))
        return
      }
      this.#follow(server)
    })
  }

  /** The postmaster was reaped: whatever it left behind is found and ended. */
  #reap(server: SimServer): void {
    if (this.#settings.protections['orphan-kill']) server.kill()
    else this.#tell(server)
  }

  #tell(server: SimServer): void {
    if (this.server !== server) return
    this.server = null
    this.#goneListener?.({ kind: this.#cause, exitCode: null, signal: null })
  }
}

/** Where the guard of a node is, if there is one now. */
export type GuardHolder = {
  guard: SimGuardProcess | null
  /** The server of the node, whoever started it. */
  readonly server: SimServer | null
  /** Starts a guard unless there is one. */
  ensureGuard(): void
  diskProbeMs(): number
}

const confirmMs = 1000
/** A guard that has not answered for so long counts as gone and is replaced. */
const silenceMs = 800
/** Looking for what a dead guard left behind. */
const cleanUpMs = 20

/** The guard port of one agent process. */
export class SimGuard implements Guard {
  readonly #holder: GuardHolder
  readonly #agent: SimProcess
  readonly #random: SimRandom
  readonly #spawnMs: () => number
  #confirmedStopByMs: MonotonicMs | null = null
  #listener: ((cause: PostgresEnd) => void) | null = null
  #adopted: SimGuardProcess | null = null

  constructor(holder: GuardHolder, agent: SimProcess, random: SimRandom, spawnMs: () => number) {
    this.#holder = holder
    this.#agent = agent
    this.#random = random
    this.#spawnMs = spawnMs
  }

  arm(stopByMs: MonotonicMs): Promise<void> {
    return this.#call((guard) => guard.extend(stopByMs))
  }

  extend(stopByMs: MonotonicMs): void {
    if (this.#adopted !== null) this.#send(this.#adopted, (guard) => guard.extend(stopByMs))
  }

  disarm(): Promise<void> {
    return this.#call((guard) => guard.disarm())
  }

  stopByMs(): MonotonicMs | null {
    return this.#confirmedStopByMs
  }

  holdsServer(): boolean | null {
    return this.#adopted === null ? null : this.#adopted.server !== null
  }

  isAlive(): boolean {
    return this.#adopted?.isAnswering(silenceMs) === true
  }

  async ensure(): Promise<void> {
    if (this.isAlive()) return
    const present = this.#holder.guard
    if (present !== null && !present.isAnswering(silenceMs)) {
      await this.#agent.sleep(silenceMs)
      if (!present.process.isRunning) present.process.kill()
    }
    if (this.#holder.guard === null) {
      await this.#cleanUp()
      await this.#agent.sleep(this.#spawnMs())
      this.#holder.ensureGuard()
    }
    await this.#agent.sleep(this.#random.duration(1, 10))
    const { guard } = this.#holder
    if (guard === null) throw new Error('the guard ended while it was being taken over')
    this.#adopt(guard)
  }

  #adopt(guard: SimGuardProcess): void {
    if (guard === this.#adopted) return
    this.#adopted = guard
    this.#confirmedStopByMs = guard.stopByMs
    guard.reportTo((cause) => {
      this.#agent.schedule(0, () => this.#listener?.(cause))
    })
    guard.process.onDeath(() => {
      this.#agent.schedule(this.#random.duration(2, 10), () => {
        if (this.#adopted !== guard) return
        this.#adopted = null
        void this.#cleanUp()
      })
    })
  }

  /** The guard is gone and its server was told to end: whatever is left is found and ended. */
  async #cleanUp(): Promise<void> {
    const { server } = this.#holder
    if (server === null) return
    await this.#agent.sleep(this.#random.duration(cleanUpMs, 150))
    server.kill()
    this.#listener?.({ kind: 'killed', exitCode: null, signal: 'SIGQUIT' })
  }

  diskProbeMs(): number {
    return this.#holder.diskProbeMs()
  }

  onPostgresGone(listener: (cause: PostgresEnd) => void): void {
    this.#listener = listener
  }

  /** A message over the socket; what the guard has read, it confirms. */
  #send(
    to: SimGuardProcess,
    apply: (guard: SimGuardProcess) => void,
    onConfirmed?: () => void,
  ): void {
    to.process.schedule(this.#random.duration(0.2, 8), () => {
      apply(to)
      const { stopByMs } = to
      this.#agent.schedule(this.#random.duration(0.2, 8), () => {
        this.#confirmedStopByMs = stopByMs
        onConfirmed?.()
      })
    })
  }

  async #call(apply: (guard: SimGuardProcess) => void): Promise<void> {
    const guard = this.#adopted
    if (guard === null) throw new Error('there is no guard')
    await new Promise<void>((resolve, reject) => {
      const timer = this.#agent.schedule(confirmMs, () => {
        reject(new Error('the guard did not confirm in time'))
      })
      this.#send(guard, apply, () => {
        timer.action = null
        resolve()
      })
    })
  }
}
