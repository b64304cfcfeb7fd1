// Scenarios: directed stories, told to the world as a person would tell them, with faults at instants
// or when something has come true. The seed still draws every duration, so that one story has many
// tellings. Used where random faults rarely meet: the counterexamples of the explicit-state model.

import type { Durability } from '../src/core/cluster-layout.ts'
import type { Violation } from '../src/core/invariants.ts'
import type { TimingPlanName } from '../src/core/timing-plan.ts'
import { cut } from './faults.ts'
import type { Traffic } from './network.ts'
import { trafficKinds } from './network.ts'
import type { SimNode } from './node.ts'
import type { Physics } from './physics.ts'
import type { SimRandom } from './random.ts'
import { SimProcess } from './simulator.ts'
import type { TopologyName } from './topology.ts'
import type { World } from './world.ts'

export type Scenario = {
  readonly name: string
  /** What is told, in one sentence. */
  readonly about: string
  readonly topology: TopologyName
  readonly durability?: Durability
  readonly syncStandbys?: number
  readonly plan?: TimingPlanName
  readonly physics?: Partial<Physics>
  readonly clockRates?: readonly number[]
  /** Data nodes that may never become primary, by index. */
  readonly noFailover?: readonly number[]
  /** Writers through the balancer that run all the time; the story may add commits of its own. */
  readonly writers?: number
  /** The same, connected directly to any node that lets them in. */
  readonly directWriters?: number
  readonly untilMs: number
  /** What it waits for has to come (I10). Of others, a telling that does not get there says nothing. */
  readonly isDemanded?: boolean
  readonly tell: (stage: Stage) => Promise<void>
}

/** What became of one commit of the story. */
export type ToldCommit = { outcome: 'waiting' | 'acknowledged' | 'lost' | 'refused' }

const lookMs = 3

/** The nodes of a story under the letters that the explicit-state model's traces use. */
export class Cast {
  readonly #nodes: readonly SimNode[]

  constructor(nodes: readonly SimNode[]) {
    this.#nodes = nodes
  }

  get a(): SimNode {
    return this.#at(0)
  }

  get b(): SimNode {
    return this.#at(1)
  }

  get c(): SimNode {
    return this.#at(2)
  }

  get d(): SimNode {
    return this.#at(3)
  }

  get e(): SimNode {
    return this.#at(4)
  }

  #at(index: number): SimNode {
    const node = this.#nodes[index]
    if (node === undefined) throw new RangeError(`the story has no node ${String(index)}`)
    return node
  }
}

function neverCame(what: string, withinMs: number): Violation {
  const message = `in ${String(withinMs / 1000)} s it never came that ${what}`
  return { invariant: 'I10', message, operands: { what, withinMs } }
}

/** The verbs of a story. */
export class Stage {
  readonly world: World
  readonly random: SimRandom
  readonly #isDemanded: boolean
  readonly #process: SimProcess

  constructor(world: World, random: SimRandom, isDemanded: boolean) {
    this.world = world
    this.random = random
    this.#isDemanded = isDemanded
    this.#process = new SimProcess(world.simulator, 'scenario', { runsPromises: true })
  }

  /** Begins the story as an event of its own; what it throws is kept. */
  begin(tell: () => Promise<void>): { error: unknown } {
    const told: { error: unknown } = { error: null }
    this.#process.schedule(0, () => {
      tell().catch((error: unknown) => {
        told.error = error
        this.world.simulator.halt()
      })
    })
    return told
  }

  /** Writes a line of the story into the transcript. */
  say(what: string): void {
    this.world.note('world', `STORY ${what}`)
  }

  async wait(durationMs: number): Promise<void> {
    await this.#process.sleep(durationMs)
  }

  /** Waits until `isTrue`; a story that does not get there ends here, quietly unless it is demanded. */
  async until(what: string, isTrue: () => boolean, withinMs = 20_000): Promise<void> {
    const untilMs = this.world.nowMs + withinMs
    while (!isTrue()) {
      if (this.world.nowMs > untilMs) {
        this.say(`never came: ${what}`)
        if (this.#isDemanded) this.world.fail(neverCame(what, withinMs))
        await new Promise(() => undefined)
      }
      await this.wait(lookMs)
    }
    this.say(what)
  }

  /** The node whose server is the open primary under the lease. */
  async primary(): Promise<SimNode> {
    await this.until('there is a serving primary', () => this.serving() !== null)
    const serving = this.serving()
    if (serving === null) throw new RangeError('it was there a moment ago')
    return serving
  }

  /**
   * The calm that most stories begin with: a serving primary, every other data node streams from it, and
   * commits wait for them. The primary is `a`, the others follow in their order.
   */
  async settled(): Promise<Cast> {
    const primary = await this.primary()
    const standbys = this.world.dataNodes.filter((node) => node !== primary)
    await this.streaming(primary, ...standbys)
    if (this.world.layout.durability !== 'async') await this.listIs(...standbys)
    return new Cast([primary, ...standbys])
  }

  serving(): SimNode | null {
    const { holder, store } = this.world
    if (store.lease?.value.state !== 'serving' || holder?.server?.role !== 'primary') return null
    return holder.server.gate === 'open' ? holder : null
  }

  /** Waits until commits wait for exactly these nodes, and the record says nothing else. */
  async listIs(...members: readonly SimNode[]): Promise<void> {
    const names = members.map((node) => node.name).sort()
    await this.until(`commits wait for ${names.join(', ') || 'nobody'}`, () => {
      const record = this.world.store.sync?.value
      if (record?.lists.length !== 1) return false
      const listed = members.map((node) => node.file.record.incarnation).sort()
      return JSON.stringify(record.target.members) === JSON.stringify(listed)
    })
  }

  /** Waits until every given standby streams from `primary`. */
  async streaming(primary: SimNode, ...standbys: readonly SimNode[]): Promise<void> {
    const names = standbys.map((node) => node.name).join(', ')
    await this.until(`${names} stream from ${primary.name}`, () =>
      standbys.every((node) => node.server?.receiver?.walsender?.upstream === primary.server),
    )
  }

  /** Cuts all traffic, or some, between two groups; the result heals it. */
  cut(
    from: readonly SimNode[],
    to: readonly SimNode[],
    kinds: readonly Traffic[] = trafficKinds,
    direction: 'both' | 'one-way' = 'both',
  ): () => void {
    const names = (nodes: readonly SimNode[]): string => nodes.map((node) => node.name).join(', ')
    this.say(`${names(from)} and ${names(to)}: no ${kinds.join(', ')} (${direction})`)
    const places = (nodes: readonly SimNode[]): number[] => nodes.map((node) => node.place)
    return cut(this.world, kinds, places(from), places(to), direction)
  }

  /** Everything on a node ends and stays away, but its member of the store lives on. */
  down(node: SimNode): void {
    this.say(`${node.name} is down`)
    node.takeDown()
  }

  up(node: SimNode): void {
    this.say(`${node.name} comes back`)
    node.startAgent()
  }

  /** The record names this node as owner, under an epoch above the one given. */
  async elected(node: SimNode): Promise<void> {
    await this.until(`${node.name} is elected`, () => {
      const owner = this.world.store.sync?.value.owner
      return owner !== undefined && owner === node.file.record.incarnation
    })
  }

  /** The node's server is a primary, whether or not it lets clients in. */
  async opened(node: SimNode): Promise<void> {
    await this.until(`${node.name} runs as primary`, () => node.server?.role === 'primary')
  }

  /** All nodes but these. */
  others(...nodes: readonly SimNode[]): SimNode[] {
    return this.world.nodes.filter((node) => !nodes.includes(node))
  }

  /** One commit of a client that is connected directly to `node`. */
  commit(node: SimNode): ToldCommit {
    const told: ToldCommit = { outcome: 'waiting' }
    const session = node.server?.connectClient(() => undefined) ?? null
    if (session === null) {
      told.outcome = 'refused'
      return told
    }
    session.commit((outcome) => {
      told.outcome = outcome
      if (outcome !== 'refused') this.world.note('client', `a commit on ${node.name} is ${outcome}`)
      session.end()
    })
    return told
  }

  /** As `commit`, and waits for its outcome. */
  async committed(node: SimNode): Promise<ToldCommit> {
    const told = this.commit(node)
    await this.until(`a commit on ${node.name} has ended`, () => told.outcome !== 'waiting')
    return told
  }
}
