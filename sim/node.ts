// One machine of the simulated cluster: its clock, its disk, and the processes on it, with everything
// that can happen to them. Agents are the shipped code; a dead one is started again, as systemd does.

import type { Agent, AgentOptions, AgentPorts } from '../src/agent/agent.ts'
import type { NodeLayout } from '../src/core/cluster-layout.ts'
import { asEpoch } from '../src/core/names.ts'
import { fenceAllowanceMs } from '../src/core/timing-plan.ts'
import { messageOf } from '../src/lib/errors.ts'
import type { Guard } from '../src/ports/guard.ts'
import { SimClock, type NodeClock } from './clock.ts'
import { SimGuard, SimGuardProcess } from './guard.ts'
import { HalfDoneCalls, withHalfDone } from './half-done.ts'
import { SimJournal } from './journal.ts'
import { LocalStateFile, SimLocalState } from './local-state.ts'
import type { Place } from './network.ts'
import { SimPeers } from './peers.ts'
import { SimDataDirectory } from './postgres/data-directory.ts'
import { SimPostgres } from './postgres/postgres.ts'
import { SimServer } from './postgres/server.ts'
import type { SimRandom } from './random.ts'
import { SimProcess } from './simulator.ts'
import { SimClusterStore } from './store/store-client.ts'
import { SimStoreMember } from './store/store-member.ts'
import type { Voter } from './store/store-model.ts'
import type { World } from './world.ts'

export type CreateAgent = (ports: AgentPorts, options: AgentOptions) => Agent

export type RunningAgent = {
  readonly process: SimProcess
  readonly agent: Agent
  readonly stopper: AbortController
}

export class SimNode {
  readonly world: World
  readonly layout: NodeLayout
  readonly place: Place
  readonly clock: NodeClock
  readonly voter: Voter | null
  /** What lies in the node's folder. Another takes its place only while nothing runs from it. */
  file: LocalStateFile
  directory: SimDataDirectory
  /** Of its guard and its state file; those of PostgreSQL are broken by its directory. */
  readonly halfDone: HalfDoneCalls
  isMachineUp = true
  /** Its agent is of a version that did not look whose incarnation it runs under. */
  isOldVersion = false
  /** The operator wants an agent here; one that ends is started again. */
  isWanted = false
  /** It runs from a copy of another node's folder; its own lies aside. */
  isFromCopy = false
  guard: SimGuardProcess | null = null
  server: SimServer | null = null
  running: RunningAgent | null = null
  /** Since when all its processes stand still; null while they do not. */
  frozenSinceMs: number | null = null
  /** Until when a recent thaw excuses what was in flight. */
  excusedUntilMs = 0
  readonly random: SimRandom
  #agentCount = 0
  #hangStartedMs = 0
  /** The rule of its last decision, for the transcript. */
  lastRuleId = ''

  constructor(world: World, layout: NodeLayout, place: Place, clock: NodeClock, random: SimRandom) {
    this.world = world
    this.layout = layout
    this.place = place
    this.clock = clock
    this.random = random
    this.voter = world.storeModel.voters.find((voter) => voter.place === place) ?? null
    this.file = new LocalStateFile(layout.name)
    this.directory = new SimDataDirectory(layout.name)
    this.halfDone = new HalfDoneCalls(random.split('half-done calls'))
  }

  get name(): NodeLayout['name'] {
    return this.layout.name
  }

  get isFrozen(): boolean {
    return this.frozenSinceMs !== null
  }

  // --- the agent -------------------------------------------------------------------------------

  /** The operator starts the agent (and it stays wanted). */
  startAgent(): void {
    this.isWanted = true
    this.#spawnAgent(0)
  }

  /** As `docker stop`: the agent is told to end in order, and does not come back by itself. */
  stopAgent(): void {
    this.isWanted = false
    const { running } = this
    running?.process.schedule(0, () => running.stopper.abort())
  }

  /** SIGKILL to the agent alone; the supervisor starts another. */
  killAgent(): void {
    this.thawGuard()
    this.running?.process.kill()
    this.running = null
    this.forgetWhatWasNotDurable()
    this.#spawnAgent(this.draw('spawnAgent'))
  }

  /** The promise file with its protection taken away: a crash takes what was promised last. */
  forgetWhatWasNotDurable(): void {
    if (this.world.protections['durable-promise'] || this.file.record.promise === null) return
    const before = this.file.record.promise
    this.file.record = { ...this.file.record, promise: asEpoch(1) }
    this.world.emit({ kind: 'promise-saved', node: this.name, before, after: asEpoch(1) })
  }

  #spawnAgent(delayMs: number): void {
    const count = ++this.#agentCount
    this.world.simulator.schedule(delayMs, () => {
      if (count !== this.#agentCount || !this.isWanted || !this.isMachineUp) return
      if (this.running !== null) return
      const { process } = this.#runAgent()
      if (this.isFrozen) process.freeze()
    })
  }

  #runAgent(): RunningAgent {
    const { world, name } = this
    const process = new SimProcess(world.simulator, `${name}/agent`, { runsPromises: true })
    const random = this.random.split(`agent ${String(this.#agentCount)}`)
    const ports = this.#ports(process, random)
    const { layout } = world
    const protections = this.isOldVersion
      ? { ...world.protections, 'one-incarnation': false }
      : world.protections
    const agent = world.createAgent(ports, { layout, node: name, version: 'sim', protections })
    agent.onDecision((trace) => world.noteDecision(this, trace))
    const stopper = new AbortController()
    const running: RunningAgent = { process, agent, stopper }
    this.running = running
    process.schedule(0, () => {
      agent.run(stopper.signal).then(
        () => this.#agentEnded(running, null),
        (error: unknown) => this.#agentEnded(running, error),
      )
    })
    return running
  }

  #agentEnded(running: RunningAgent, error: unknown): void {
    if (this.running !== running) return
    running.process.kill()
    this.running = null
    if (error === null) {
      this.world.note(this.name, 'the agent has ended')
    } else {
      this.world.agentFailed(this, error)
      this.world.note(this.name, `the agent ended with an error: ${messageOf(error)}`)
    }
    if (this.isWanted) this.#spawnAgent(this.draw('spawnAgent'))
  }

  #ports(process: SimProcess, random: SimRandom): AgentPorts {
    const { world, clock, place, name } = this
    const { simulator, network, physics, storeModel } = world
    const trueMs = (durationMs: number): number => clock.trueMs(durationMs)
    const store = new SimClusterStore(simulator, network, storeModel, {
      node: name,
      place,
      process,
      trueMs,
      physics,
      random: random.split('store'),
      hedgeMs: world.layout.plan.storeHedgeMs,
    })
    const peers = new SimPeers({
      simulator,
      network,
      place,
      process,
      trueMs,
      targetOf: (node) => world.node(node).peerTarget(),
      onSealAnswered: (node, request, answer) => world.noteSealAnswer(node, request, answer),
    })
    return {
      clock: new SimClock(clock, process),
      random: random.split('agent'),
      store,
      peers,
      journal: new SimJournal((line) => world.noteJournal(this, line), {
        isVerbose: world.transcript.isKept,
      }),
      localState: withHalfDone(
        new SimLocalState({
          file: this.file,
          process,
          random: random.split('disk'),
          fsync: physics.fsync,
          emit: (event) => world.emit(event),
        }),
        ['save'],
        this.halfDone,
      ),
      member: new SimStoreMember(storeModel, this.voter),
      data: this.layout.role === 'data' ? this.dataPorts(process, random) : null,
    }
  }

  /** PostgreSQL and guard as a process on this node has them. */
  dataPorts(process: SimProcess, random: SimRandom): NonNullable<AgentPorts['data']> {
    const postgres = new SimPostgres({
      node: this.name,
      agent: process,
      world: this.world.serverWorld,
      directory: this.directory,
      random: random.split('postgres'),
      guard: () => this.guard,
      launch: (guard, as) => this.#launchServer(guard, as),
      trueMs: (durationMs) => this.clock.trueMs(durationMs),
      halfDone: this.halfDone,
    })
    const guard = new SimGuard(this, process, random.split('guard'), () => this.draw('spawnGuard'))
    return {
      postgres,
      guard: withHalfDone<Guard>(guard, ['ensure', 'arm', 'disarm'], this.halfDone),
    }
  }

  peerTarget(): {
    readonly place: Place
    readonly agent: { readonly process: SimProcess; readonly service: Agent } | null
    readonly isMachineUp: boolean
  } {
    const agent =
      this.running === null ? null : { process: this.running.process, service: this.running.agent }
    return { place: this.place, agent, isMachineUp: this.isMachineUp }
  }

  // --- guard and server ------------------------------------------------------------------------

  ensureGuard(): void {
    if (this.guard !== null) return
    const { world, clock, name } = this
    const guard = new SimGuardProcess({
      simulator: world.simulator,
      clock,
      random: this.random.split(`guard ${String(world.simulator.eventCount)}`),
      protections: world.protections,
      killAfterMs: world.layout.plan.killAfterMs,
      name: `${name}/guard`,
      serverInDirectory: () => this.server,
    })
    this.guard = guard
    guard.process.onDeath(() => {
      if (this.guard === guard) this.guard = null
    })
  }

  /** A person runs `pg_ctl restart`, or starts the server that does not run: it has no guard. */
  restartByHand(): void {
    const former = this.server
    if (this.directory.state !== 'present' || !this.isMachineUp) return
    const launch = (): void => {
      if (this.server !== null || !this.isMachineUp || this.directory.state !== 'present') return
      this.#launchServer(null, this.directory.isStandby ? 'standby' : 'primary')
    }
    if (former === null) launch()
    else {
      const follow = (): void => {
        if (former.role === 'dead') {
          this.world.simulator.schedule(this.random.between(1, 200), launch)
        } else former.onChange(follow)
      }
      former.onChange(follow)
      former.stopFast()
    }
  }

  #launchServer(guard: SimGuardProcess | null, as: 'primary' | 'standby'): SimServer {
    const random = this.random.split(`server ${String(this.world.simulator.eventCount)}`)
    const server = new SimServer(this.world.serverWorld, this.directory, as, random)
    this.server = server
    guard?.adopt(server)
    const follow = (): void => {
      server.onChange(() => {
        this.world.note(this.name, `postgres: ${server.role}`)
        if (server.role !== 'dead') follow()
        else if (this.server === server) this.server = null
      })
    }
    follow()
    return server
  }

  killGuard(): void {
    this.guard?.process.kill()
  }

  /** SIGSTOP to the guard alone. With the agent stopped too nobody would be left to act (2.2). */
  freezeGuard(): void {
    if (this.running?.process.isRunning === true) this.guard?.process.freeze()
  }

  thawGuard(): void {
    if (!this.isFrozen) this.guard?.process.thaw()
  }

  killPostmaster(): void {
    this.server?.killPostmaster()
  }

  hangDisk(durationMs: number): void {
    this.#hangStartedMs = this.world.simulator.nowMs
    this.directory.hangsUntilMs = this.#hangStartedMs + durationMs
  }

  diskProbeMs(): number {
    const { nowMs } = this.world.simulator
    return nowMs < this.directory.hangsUntilMs ? (nowMs - this.#hangStartedMs) * this.clock.rate : 2
  }

  // --- the machine -----------------------------------------------------------------------------

  /** Power off: every process ends, and what was not flushed is lost. */
  crash(): void {
    if (!this.isMachineUp) return
    this.thaw()
    this.isMachineUp = false
    this.running?.process.kill()
    this.running = null
    this.forgetWhatWasNotDurable()
    this.server?.losePower()
    this.server = null
    this.guard?.process.kill()
    this.directory.hangsUntilMs = 0
    if (this.voter !== null) this.world.storeModel.setVoter(this.voter, 'gone')
  }

  /** Power on: the store's member and the agent come back. */
  boot(): void {
    if (this.isMachineUp) return
    this.isMachineUp = true
    if (this.voter !== null) this.world.storeModel.setVoter(this.voter, 'up')
    if (this.isWanted) this.#spawnAgent(this.draw('spawnAgent'))
  }

  /** SIGKILL to every process of ours, the machine stays up (`node kill`). */
  killAll(): void {
    this.running?.process.kill()
    this.running = null
    this.forgetWhatWasNotDurable()
    this.server?.kill()
    this.guard?.process.kill()
    if (this.voter?.state === 'up') this.world.storeModel.setVoter(this.voter, 'down')
    this.#spawnAgent(this.draw('spawnAgent'))
  }

  /** All our processes but the store's member end, and stay away until `startAgent`. */
  takeDown(): void {
    this.isWanted = false
    this.running?.process.kill()
    this.running = null
    this.forgetWhatWasNotDurable()
    this.server?.kill()
    this.guard?.process.kill()
  }

  /**
   * A person stops the node, moves its folder aside, puts a copy of `source`'s there, and starts the node.
   * The result does the reverse: a rename keeps the own folder as it was.
   */
  runFromCopyOf(source: SimNode): () => void {
    const { file, directory } = this
    this.takeDown()
    this.file = new LocalStateFile(this.name)
    this.file.record = source.file.record
    this.directory = SimDataDirectory.copyOf(source.directory, this.name)
    this.isFromCopy = true
    this.startAgent()
    return () => {
      this.takeDown()
      this.isFromCopy = false
      this.file = file
      this.directory = directory
      this.startAgent()
    }
  }

  /** SIGSTOP to the agent alone. */
  freezeAgent(): void {
    this.thawGuard()
    this.running?.process.freeze()
  }

  thawAgent(): void {
    if (!this.isFrozen) this.running?.process.thaw()
  }

  /** All processes stand still, as when a virtual machine is paused; clocks go on. */
  freeze(): void {
    if (!this.isMachineUp || this.isFrozen) return
    this.frozenSinceMs = this.world.simulator.nowMs
    this.running?.process.freeze()
    this.guard?.process.freeze()
    this.server?.process.freeze()
    if (this.voter?.state === 'up') this.world.storeModel.setVoter(this.voter, 'frozen')
  }

  thaw(): void {
    const { frozenSinceMs: sinceMs } = this
    if (sinceMs === null) return
    this.frozenSinceMs = null
    this.excusedUntilMs = this.world.nowMs + this.clock.trueMs(fenceAllowanceMs)
    if (this.voter?.state === 'frozen') this.world.storeModel.setVoter(this.voter, 'up')
    // What waited in sockets and timers happens at one instant; the guard comes first, but stopping a
    // server takes time, and what was in flight may complete in it.
    this.guard?.process.thaw()
    this.server?.process.thaw()
    this.running?.process.thaw()
    this.world.noteThaw(this, sinceMs)
  }

  draw(what: 'spawnAgent' | 'spawnGuard'): number {
    const { typicalMs, worstMs } = this.world.physics[what]
    return this.random.duration(typicalMs, worstMs)
  }
}
