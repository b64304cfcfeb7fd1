// The balancer and the applications: writers that go where the balancer sends them, writers that
// connect to any node that lets them in, and a ledger of what they were told.

import type { SimNode } from './node.ts'
import type { ClientSession } from './postgres/client-session.ts'
import type { SimRandom } from './random.ts'
import { SimProcess } from './simulator.ts'
import type { World } from './world.ts'

export type Ledger = {
  acknowledged: number
  /** The connection broke before the answer: the commit may be there or not. */
  unknown: number
  /** No node let the client in. */
  refused: number
  /** When the last commit through the balancer was acknowledged. */
  lastAcknowledgedMs: number
  /** The longest time between two such commits. */
  longestGapMs: number
}

export type Workload = {
  readonly balancedCount: number
  readonly directCount: number
  /** Pause of a writer between two commits. */
  readonly thinkMs: number
}

const retryMs = 60

/** Checks every data node as HAProxy does, and cuts sessions to one that is no primary any more. */
export class Balancer {
  readonly #world: World
  readonly #process: SimProcess
  readonly #sessions = new Map<SimNode, Set<ClientSession>>()
  readonly #primaries = new Set<SimNode>()

  constructor(world: World) {
    this.#world = world
    this.#process = new SimProcess(world.simulator, 'balancer', { runsPromises: false })
    for (const node of world.dataNodes) this.#check(node)
  }

  /** The node that writes go to now. */
  target(): SimNode | null {
    for (const node of this.#primaries) return node
    return null
  }

  carry(node: SimNode, session: ClientSession): void {
    const sessions = this.#sessions.get(node) ?? new Set()
    this.#sessions.set(node, sessions)
    sessions.add(session)
  }

  dropped(node: SimNode, session: ClientSession): void {
    this.#sessions.get(node)?.delete(session)
  }

  #check(node: SimNode): void {
    const world = this.#world
    const { network, balancerPlace: here, layout } = world
    let isAnswered = false
    const answer = (isPrimary: boolean): void => {
      world.simulator.schedule(network.delayMs(node.place, here), () => {
        if (!network.isOpen('clients', node.place, here) || isAnswered) return
        isAnswered = true
        this.#mark(node, isPrimary)
      })
    }
    world.simulator.schedule(network.delayMs(here, node.place), () => {
      if (!network.isOpen('clients', here, node.place) || !node.isMachineUp) return
      const { running } = node
      if (running === null) answer(false)
      else {
        running.process.schedule(0, () => {
          const { isPrimary } = running.agent.role()
          world.emit({ kind: 'role-answered', node: node.name, isPrimary, store: world.store })
          answer(isPrimary)
        })
      }
    })
    this.#process.schedule(layout.plan.balancerCheckMs, () => {
      if (!isAnswered) {
        isAnswered = true
        this.#mark(node, false)
      }
      this.#check(node)
    })
  }

  #mark(node: SimNode, isPrimary: boolean): void {
    if (isPrimary) {
      this.#primaries.add(node)
      return
    }
    if (!this.#primaries.delete(node)) return
    for (const session of this.#sessions.get(node) ?? []) session.end()
    this.#sessions.delete(node)
  }
}

/** Starts the workload; the ledger fills as time goes on. */
export function startClients(
  world: World,
  balancer: Balancer,
  workload: Workload,
  random: SimRandom,
): Ledger {
  const ledger: Ledger = {
    acknowledged: 0,
    unknown: 0,
    refused: 0,
    lastAcknowledgedMs: 0,
    longestGapMs: 0,
  }
  for (let index = 0; index < workload.balancedCount; index++) {
    new Writer(world, balancer, workload, random.split(`balanced ${String(index)}`), ledger)
  }
  for (let index = 0; index < workload.directCount; index++) {
    new Writer(world, null, workload, random.split(`direct ${String(index)}`), ledger)
  }
  return ledger
}

class Writer {
  readonly #world: World
  /** Null: connects to any node directly. */
  readonly #balancer: Balancer | null
  readonly #thinkMs: number
  readonly #random: SimRandom
  readonly #ledger: Ledger
  readonly #process: SimProcess
  #session: ClientSession | null = null
  #node: SimNode | null = null

  constructor(
    world: World,
    balancer: Balancer | null,
    workload: Workload,
    random: SimRandom,
    ledger: Ledger,
  ) {
    this.#world = world
    this.#balancer = balancer
    this.#thinkMs = workload.thinkMs
    this.#random = random
    this.#ledger = ledger
    this.#process = new SimProcess(world.simulator, 'writer', { runsPromises: false })
    this.#process.schedule(random.between(0, retryMs), () => this.#connect())
  }

  #connect(): void {
    const world = this.#world
    const node =
      this.#balancer === null ? this.#random.pick(world.dataNodes) : this.#balancer.target()
    if (node === null || !this.#canReach(node)) {
      this.#later(retryMs, () => this.#connect())
      return
    }
    const session = node.server?.connectClient(() => this.#ended()) ?? null
    if (session === null) {
      this.#ledger.refused++
      this.#later(retryMs, () => this.#connect())
      return
    }
    this.#session = session
    this.#node = node
    this.#balancer?.carry(node, session)
    this.#later(1, () => this.#write(session))
  }

  #canReach(node: SimNode): boolean {
    const { network, balancerPlace } = this.#world
    return network.isOpenBothWays('clients', balancerPlace, node.place)
  }

  #write(session: ClientSession): void {
    if (session !== this.#session || this.#node === null) return
    if (!this.#canReach(this.#node) || !session.server.process.isRunning) {
      // The statement waits in the network or in a socket; the client waits for its answer.
      this.#later(retryMs, () => this.#write(session))
      return
    }
    session.commit((outcome) => {
      const ledger = this.#ledger
      if (outcome === 'refused') {
        // A standby: look elsewhere, sooner or later; a pool keeps such a connection for a while.
        ledger.refused++
        if (this.#random.chance(0.1)) session.end()
        else this.#later(retryMs, () => this.#write(session))
        return
      }
      if (outcome === 'lost') {
        ledger.unknown++
        return
      }
      ledger.acknowledged++
      if (this.#balancer !== null) {
        const { nowMs } = this.#world
        ledger.longestGapMs = Math.max(ledger.longestGapMs, nowMs - ledger.lastAcknowledgedMs)
        ledger.lastAcknowledgedMs = nowMs
      }
      this.#later(this.#thinkMs, () => this.#write(session))
    })
  }

  #ended(): void {
    if (this.#session !== null && this.#node !== null) {
      this.#balancer?.dropped(this.#node, this.#session)
    }
    this.#session = null
    this.#node = null
    this.#later(retryMs, () => this.#connect())
  }

  #later(durationMs: number, action: () => void): void {
    this.#process.schedule(durationMs * this.#random.between(0.5, 1.5), action)
  }
}
