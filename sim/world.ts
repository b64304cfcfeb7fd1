// The simulated cluster: machines, network, store, and the one place where everything that happens is
// written down and judged. Knows no fault and no scenario; those act on it from outside.

import type { DecisionTrace } from '../src/agent/agent.ts'
import type { ClusterLayout } from '../src/core/cluster-layout.ts'
import { votersOf } from '../src/core/cluster-layout.ts'
import type { Violation } from '../src/core/invariants.ts'
import { asEpoch, type Epoch, type NodeName } from '../src/core/names.ts'
import { birthEpochOf } from '../src/core/position.ts'
import type { Protections } from '../src/core/protections.ts'
import type { StoreView } from '../src/core/store-view.ts'
import { AssertionError } from '../src/lib/assert.ts'
import { messageOf } from '../src/lib/errors.ts'
import type { SealAnswer, SealRequest } from '../src/ports/peers.ts'
import type { Checker } from './checkers/checker.ts'
import { NodeClock } from './clock.ts'
import { Network, type NetworkSettings, type Place } from './network.ts'
import { SimNode, type CreateAgent } from './node.ts'
import type { Physics } from './physics.ts'
import type { ServerWorld } from './postgres/server-world.ts'
import type { SimRandom } from './random.ts'
import { Simulator } from './simulator.ts'
import { StoreModel } from './store/store-model.ts'
import type { Transcript } from './transcript.ts'
import type { WorldEvent } from './world-event.ts'

export type WorldSettings = {
  readonly layout: ClusterLayout
  readonly protections: Protections
  readonly physics: Physics
  readonly network: NetworkSettings
  /** Of each node, by its index. */
  readonly clockRates: readonly number[]
  readonly random: SimRandom
  readonly transcript: Transcript
  readonly createAgent: CreateAgent
  readonly makeCheckers: (world: World) => readonly Checker[]
}

export class World {
  readonly simulator = new Simulator()
  readonly layout: ClusterLayout
  readonly protections: Protections
  readonly physics: Physics
  readonly network: Network
  readonly storeModel: StoreModel
  readonly nodes: readonly SimNode[]
  /** Where balancers and their clients are. */
  readonly balancerPlace: Place
  readonly transcript: Transcript
  readonly random: SimRandom
  readonly createAgent: CreateAgent
  readonly serverWorld: ServerWorld
  violation: Violation | null = null
  readonly #byName: ReadonlyMap<NodeName, SimNode>
  readonly #acquiredIn = new Map<NodeName, Epoch>()
  readonly #checkers: readonly Checker[]
  #eventListeners: ((event: WorldEvent) => void)[] = []
  #pid = 1000
  #commitId = 1

  constructor(settings: WorldSettings) {
    const { layout, random, clockRates } = settings
    this.layout = layout
    this.protections = settings.protections
    this.physics = settings.physics
    this.transcript = settings.transcript
    this.random = random
    this.createAgent = settings.createAgent
    this.balancerPlace = layout.nodes.length
    this.network = new Network(layout.nodes.length + 1, settings.network, random.split('network'))
    const voterNames = new Set(votersOf(layout).map((node) => node.name))
    const voterPlaces = layout.nodes.flatMap((node, place) =>
      voterNames.has(node.name) ? [place] : [],
    )
    this.storeModel = new StoreModel(this.simulator, this.network, voterPlaces, {
      electionMs: layout.plan.etcdElectionMs,
      random: random.split('store'),
    })
    this.storeModel.onChange((by, before) => this.#storeWritten(by, before))
    this.serverWorld = this.#makeServerWorld()
    this.nodes = layout.nodes.map((node, place) => {
      const own = random.split(`node ${node.name}`)
      const clock = new NodeClock(this.simulator, {
        offsetMs: own.between(1_000, 9_000_000),
        wallOffsetMs: own.between(-500, 500),
        rate: clockRates[place] ?? 1,
      })
      return new SimNode(this, node, place, clock, own)
    })
    this.#byName = new Map(this.nodes.map((node) => [node.name, node]))
    this.#checkers = settings.makeCheckers(this)
  }

  get nowMs(): number {
    return this.simulator.nowMs
  }

  get store(): StoreView {
    return this.storeModel.truth
  }

  get dataNodes(): readonly SimNode[] {
    return this.nodes.filter((node) => node.layout.role === 'data')
  }

  /** @throws RangeError when there is no such node */
  node(name: NodeName): SimNode {
    const found = this.#byName.get(name)
    if (found === undefined) throw new RangeError(`there is no node ${name}`)
    return found
  }

  /** The node that holds the lease in the store, with an unreleased lease. */
  get holder(): SimNode | null {
    const lease = this.store.lease?.value
    if (lease === undefined || lease.state === 'released') return null
    return this.node(lease.holder)
  }

  /** Told of everything that happens, after the checkers. */
  onEvent(listener: (event: WorldEvent) => void): void {
    this.#eventListeners.push(listener)
  }

  /** Judges what happened. The first violation ends the run. */
  emit(event: WorldEvent): void {
    for (const checker of this.#checkers) {
      const violation = checker.observe(event)
      if (violation !== null) this.fail(violation)
    }
    for (const listener of this.#eventListeners) listener(event)
  }

  fail(violation: Violation): void {
    if (this.violation !== null) return
    this.violation = violation
    this.note('world', `VIOLATION ${violation.invariant}: ${violation.message}`)
    this.simulator.halt()
  }

  // --- transcript ------------------------------------------------------------------------------

  note(node: NodeName | 'world' | 'client', message: string, ruleId: string | null = null): void {
    const server = node === 'world' || node === 'client' ? null : this.node(node).server
    const { nowMs, store } = this
    this.transcript.write({ nowMs, node, server, store, ruleId, message })
  }

  noteDecision(node: SimNode, trace: DecisionTrace): void {
    this.simulator.mix(Number(trace.ruleId.slice(1)))
    if (!this.transcript.isKept || node.lastRuleId === trace.ruleId) return
    node.lastRuleId = trace.ruleId
    this.note(node.name, trace.decision, trace.ruleId)
  }

  noteJournal(
    node: SimNode,
    line: { readonly ruleId: string | null; readonly message: string },
  ): void {
    this.note(node.name, line.message, line.ruleId)
  }

  noteThaw(node: SimNode, sinceMs: number): void {
    this.note(node.name, `thawed after ${(this.nowMs - sinceMs).toFixed(0)} ms`)
    this.emit({ kind: 'thawed', node: node.name, sinceMs })
  }

  noteSealAnswer(name: NodeName, request: SealRequest, answer: SealAnswer): void {
    const node = this.node(name)
    const { directory, server, file } = node
    this.note(name, `answers the seal of epoch ${String(request.epoch)}: ${answer.kind}`)
    this.emit({
      kind: 'seal-answered',
      node: name,
      epoch: request.epoch,
      answer,
      promiseOnDisk: file.record.promise,
      wal: directory.wal.entries,
      flushedCount: directory.wal.flushedCount,
      mustPass: directory.mustPass,
      isReceiving: (server?.receiver ?? null) !== null,
    })
  }

  /** An agent ended by itself. An error that is not one of operation is a bug of ours. */
  agentFailed(node: SimNode, error: unknown): void {
    const isBug = error instanceof AssertionError || error instanceof TypeError
    if (!isBug && !(error instanceof RangeError)) return
    this.fail({
      invariant: 'bug',
      message: `the agent of ${node.name} ended: ${messageOf(error)}`,
      operands: { stack: error.stack ?? '' },
    })
  }

  #storeWritten(by: NodeName, before: StoreView): void {
    const after = this.store
    const lease = after.lease?.value
    if (lease !== undefined && before.lease?.value.epoch !== lease.epoch) {
      this.#acquiredIn.set(lease.holder, lease.epoch)
      this.note(by, `acquires epoch ${String(lease.epoch)}`)
      this.#continueAsOwner(lease.holder, lease.epoch)
    }
    this.emit({ kind: 'store-written', by, before, after })
  }

  /** The owner whose server runs on takes it into the new epoch with all that it holds. */
  #continueAsOwner(name: NodeName, epoch: Epoch): void {
    const node = this.node(name)
    const owner = this.store.sync?.value.owner
    if (owner !== undefined && owner === node.file.record.incarnation) {
      node.server?.continueIn(epoch)
    }
  }

  #makeServerWorld(): ServerWorld {
    const places = new Map(this.layout.nodes.map((node, place) => [node.name, place]))
    return {
      simulator: this.simulator,
      network: this.network,
      physics: this.physics,
      walRetrieveRetryMs: this.layout.plan.walRetrieveRetryMs,
      serverOf: (name) => this.node(name).server,
      directoryOf: (name) => this.node(name).directory,
      placeOf: (name) => places.get(name) ?? -1,
      epochOf: (name) => this.#acquiredIn.get(name) ?? asEpoch(0),
      birthEpochOf: (timeline) =>
        birthEpochOf(timeline, this.store.sync?.value.timelines ?? []) ?? null,
      promiseOf: (name) => this.node(name).file.record.promise,
      emit: (event) => this.emit(event),
      replaced: (name) => {
        if (this.protections['clone-keeps-promise']) return
        const { file } = this.node(name)
        const before = file.record.promise
        file.record = { ...file.record, promise: asEpoch(1) }
        this.emit({ kind: 'promise-saved', node: name, before, after: file.record.promise })
      },
      endsOrphans: this.protections['orphan-kill'],
      nextPid: () => this.#pid++,
      nextCommitId: () => this.#commitId++,
    }
  }
}
