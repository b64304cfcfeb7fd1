// What may go wrong, each as a row: how it is begun and how it is ended. Which of them happen, to whom
// and when, is drawn from the seed; the world and the agents do not know.

import { trafficKinds, type Place, type Traffic } from './network.ts'
import type { SimNode } from './node.ts'
import type { SimRandom } from './random.ts'
import { poisonKinds } from './store/store-model.ts'
import type { World } from './world.ts'

export type FaultContext = {
  readonly world: World
  readonly random: SimRandom
  /** A node, more often the one that holds the lease than another. */
  readonly victim: SimNode
  /** The same among nodes with data. */
  readonly dataVictim: SimNode
  /** Short against the lease, near it, or much longer. */
  readonly durationMs: number
}

/** Begins the fault; the result ends it (null: it ends by itself). */
type Begin = (context: FaultContext) => { readonly what: string; readonly end: (() => void) | null }

export type Fault = { readonly name: string; readonly weight: number; readonly begin: Begin }

export const faults: readonly Fault[] = [
  {
    name: 'agent-kill',
    weight: 3,
    begin: ({ victim }) => {
      victim.killAgent()
      return { what: `SIGKILL to the agent of ${victim.name}`, end: null }
    },
  },
  {
    name: 'agent-freeze',
    weight: 3,
    begin: ({ victim }) => {
      victim.freezeAgent()
      return { what: `SIGSTOP to the agent of ${victim.name}`, end: () => victim.thawAgent() }
    },
  },
  {
    name: 'node-freeze',
    weight: 3,
    begin: ({ victim }) => {
      victim.freeze()
      return { what: `${victim.name} stands still`, end: () => victim.thaw() }
    },
  },
  {
    name: 'guard-kill',
    weight: 1,
    begin: ({ dataVictim }) => {
      dataVictim.killGuard()
      return { what: `SIGKILL to the guard of ${dataVictim.name}`, end: null }
    },
  },
  {
    name: 'guard-freeze',
    weight: 1,
    begin: ({ dataVictim }) => {
      dataVictim.freezeGuard()
      return {
        what: `SIGSTOP to the guard of ${dataVictim.name}`,
        end: () => dataVictim.thawGuard(),
      }
    },
  },
  {
    name: 'postmaster-kill',
    weight: 3,
    begin: ({ dataVictim }) => {
      dataVictim.killPostmaster()
      return { what: `SIGKILL to the postmaster of ${dataVictim.name}`, end: null }
    },
  },
  {
    name: 'node-kill',
    weight: 2,
    begin: ({ victim }) => {
      victim.killAll()
      return { what: `SIGKILL to everything on ${victim.name}`, end: null }
    },
  },
  {
    name: 'machine-crash',
    weight: 3,
    begin: ({ victim }) => {
      victim.crash()
      return { what: `${victim.name} loses power`, end: () => victim.boot() }
    },
  },
  {
    name: 'node-stop',
    weight: 1,
    begin: ({ victim }) => {
      victim.stopAgent()
      return { what: `an operator stops ${victim.name}`, end: () => victim.startAgent() }
    },
  },
  {
    name: 'isolate',
    weight: 3,
    begin: ({ world, victim }) => {
      const others = world.nodes.filter((node) => node !== victim).map((node) => node.place)
      return {
        what: `${victim.name} is cut off from all other nodes`,
        end: cut(world, trafficKinds, [victim.place], [...others, world.balancerPlace], 'both'),
      }
    },
  },
  {
    name: 'isolate-from-nodes',
    weight: 2,
    begin: ({ world, victim }) => {
      const others = world.nodes.filter((node) => node !== victim).map((node) => node.place)
      return {
        what: `${victim.name} is cut off from the other nodes, not from clients`,
        end: cut(world, trafficKinds, [victim.place], others, 'both'),
      }
    },
  },
  {
    name: 'one-way',
    weight: 2,
    begin: ({ world, random, victim }) => {
      const others = world.nodes.filter((node) => node !== victim).map((node) => node.place)
      const isDeaf = random.chance(0.5)
      const [from, to] = isDeaf ? [others, [victim.place]] : [[victim.place], others]
      return {
        what: `${victim.name} is ${isDeaf ? 'deaf' : 'mute'}`,
        end: cut(world, trafficKinds, from, to, 'one-way'),
      }
    },
  },
  {
    name: 'some-traffic',
    weight: 3,
    begin: ({ world, random, victim }) => {
      const kinds = random.shuffle(trafficKinds).slice(0, 1 + random.below(2))
      const others = random
        .shuffle(world.nodes.filter((node) => node !== victim))
        .slice(0, 1 + random.below(world.nodes.length))
      const direction = random.chance(0.3) ? 'one-way' : 'both'
      const places = others.map((node) => node.place)
      return {
        what: `no ${kinds.join(', ')} traffic (${direction}) from ${victim.name} to ${others.map((node) => node.name).join(', ')}`,
        end: cut(world, kinds, [victim.place], places, direction),
      }
    },
  },
  {
    name: 'split',
    weight: 2,
    begin: ({ world, random }) => {
      const shuffled = random.shuffle(world.nodes)
      const left = shuffled.slice(0, 1 + random.below(Math.max(1, shuffled.length - 1)))
      const right = shuffled.filter((node) => !left.includes(node))
      const [one, other] = [left.map((node) => node.place), right.map((node) => node.place)]
      return {
        what: `the network splits: ${left.map((node) => node.name).join(', ')} on one side`,
        end: cut(world, trafficKinds, one, other, 'both'),
      }
    },
  },
  {
    name: 'slow-way',
    weight: 1,
    begin: ({ world, random, victim }) => {
      const extraMs = random.between(20, 400)
      for (const node of world.nodes) {
        if (node === victim) continue
        world.network.slowDown(victim.place, node.place, extraMs)
        world.network.slowDown(node.place, victim.place, extraMs * random.next())
      }
      return {
        what: `everything to and from ${victim.name} takes up to ${extraMs.toFixed(0)} ms longer`,
        end: () => {
          for (const node of world.nodes) {
            world.network.slowDown(victim.place, node.place, 0)
            world.network.slowDown(node.place, victim.place, 0)
          }
        },
      }
    },
  },
  {
    name: 'store-majority-lost',
    weight: 2,
    begin: ({ world, random }) => {
      const { storeModel } = world
      const count = Math.floor(storeModel.voters.length / 2) + 1
      const lost = random.shuffle(storeModel.voters).slice(0, count)
      const state = random.chance(0.5) ? 'down' : 'frozen'
      for (const voter of lost) if (voter.state === 'up') storeModel.setVoter(voter, state)
      return {
        what: `${String(count)} of ${String(storeModel.voters.length)} voters are ${state}`,
        end: () => {
          for (const voter of lost) if (voter.state === state) storeModel.setVoter(voter, 'up')
        },
      }
    },
  },
  {
    name: 'store-leader-lost',
    weight: 2,
    begin: ({ world }) => {
      world.storeModel.loseLeader()
      return { what: 'the store elects another leader', end: null }
    },
  },
  {
    name: 'store-slow',
    weight: 2,
    begin: ({ world, random }) => {
      world.storeModel.extraCommitMs = random.between(40, 700)
      return {
        what: `the store needs ${world.storeModel.extraCommitMs.toFixed(0)} ms more for each write`,
        end: () => {
          world.storeModel.extraCommitMs = 0
        },
      }
    },
  },
  {
    name: 'disk-hang',
    weight: 1,
    begin: ({ dataVictim, durationMs }) => {
      dataVictim.hangDisk(durationMs)
      return {
        what: `the disk of ${dataVictim.name} hangs for ${durationMs.toFixed(0)} ms`,
        end: null,
      }
    },
  },
  {
    name: 'half-done-calls',
    weight: 2,
    begin: ({ random, dataVictim }) => {
      // Another one may lie there when it ends.
      const { directory } = dataVictim
      directory.breaksCalls = true
      dataVictim.halfDone.rate = random.pick([0, 0.03, 0.2])
      return {
        what: `calls to PostgreSQL, guard and disk of ${dataVictim.name} end half-way`,
        end: () => {
          directory.breaksCalls = false
          dataVictim.halfDone.rate = 0
        },
      }
    },
  },
  {
    name: 'reload-by-hand',
    weight: 1,
    begin: ({ dataVictim }) => {
      dataVictim.server?.reload()
      return { what: `a person reloads PostgreSQL of ${dataVictim.name}`, end: null }
    },
  },
  {
    name: 'walsender-ends',
    weight: 1,
    begin: ({ random, dataVictim }) => {
      const walsenders = dataVictim.server?.walsenders ?? []
      if (walsenders.length > 0) random.pick(walsenders).terminate()
      return { what: `a replication connection of ${dataVictim.name} breaks`, end: null }
    },
  },
  {
    name: 'wal-recycled',
    weight: 1,
    begin: ({ dataVictim }) => {
      const { directory } = dataVictim
      directory.keptFromIndex = Math.max(directory.keptFromIndex, directory.wal.count - 1)
      return { what: `${dataVictim.name} recycles its WAL beyond the cap of its slots`, end: null }
    },
  },
  {
    name: 'copied-folder',
    weight: 0.5,
    begin: ({ world, random, dataVictim }) => {
      const sources = world.dataNodes.filter(
        (node) => node !== dataVictim && node.directory.state === 'present',
      )
      const { isWanted, isMachineUp, isFromCopy } = dataVictim
      // A second copy over the first would lie in the place of the own folder when both are over.
      if (sources.length === 0 || !isWanted || !isMachineUp || isFromCopy) {
        return { what: 'nobody has a folder to copy', end: null }
      }
      const source = random.pick(sources)
      return {
        what: `${dataVictim.name} is started from a copy of the folder of ${source.name}`,
        end: dataVictim.runFromCopyOf(source),
      }
    },
  },
  {
    name: 'switchover',
    weight: 2,
    begin: ({ world, random, victim, dataVictim }) => {
      const to = random.chance(0.5) ? null : dataVictim.name
      const asked = world.holder ?? victim
      askAgent(asked, (agent) => agent.requestSwitchover(to, false), world)
      return {
        what: `an operator asks ${asked.name} for a switchover to ${to ?? 'anybody'}`,
        end: null,
      }
    },
  },
  {
    name: 'pause',
    weight: 0.5,
    begin: ({ world, victim }) => {
      askAgent(victim, (agent) => agent.requestPause('maintenance'), world)
      return {
        what: `an operator pauses automation through ${victim.name}`,
        end: () => {
          for (const node of world.nodes) askAgent(node, (agent) => agent.requestResume(), world)
        },
      }
    },
  },
  {
    name: 'poisoned-record',
    weight: 1,
    begin: ({ world, random }) => {
      const key = random.pick(['lease', 'sync', 'cluster', 'control'] as const)
      const kind = random.pick(poisonKinds)
      // While the first primary is made, the lease is all there is: a store without it is a store that was
      // wiped beside a node that knows of a cluster, and waits for a person on purpose.
      if (kind === 'deleted' && world.store.cluster === null) {
        return { what: 'there is no record yet that could be deleted', end: null }
      }
      world.storeModel.poison(key, kind)
      return {
        what: `the record ${key} in the store is ${kind}`,
        // What no agent could put back safely, an operator recovers; the lease comes back by itself.
        end: key === 'lease' ? null : () => world.storeModel.recover(key),
      }
    },
  },
]

type Operator = NonNullable<SimNode['running']>['agent']

/** A request of an operator reaches an agent; what it answers is for people. */
function askAgent(
  node: SimNode,
  ask: (agent: Operator) => Promise<{ readonly kind: string }>,
  world: World,
): void {
  const { running } = node
  running?.process.schedule(0.5, () => {
    ask(running.agent).then(
      (answer) => world.note(node.name, `the operator is answered: ${answer.kind}`),
      (error: unknown) => world.note(node.name, `the operator is answered: ${String(error)}`),
    )
  })
}

/** Blocks every way from one group to the other; the result opens them again. */
export function cut(
  world: World,
  kinds: readonly Traffic[],
  from: readonly Place[],
  to: readonly Place[],
  direction: 'one-way' | 'both',
): () => void {
  const change = (count: 1 | -1): void => {
    for (const one of from) {
      for (const other of to) {
        world.network.block(kinds, one, other, count)
        if (direction === 'both') world.network.block(kinds, other, one, count)
      }
    }
  }
  change(1)
  return () => change(-1)
}

/** Which faults a seed has, and how often they come. */
export type FaultSettings = {
  readonly faults: readonly Fault[]
  readonly pauseMs: number
  /** Typical length of a fault that has one. */
  readonly durationMs: number
}

/** Lets faults come and go from now until `untilMs`; whatever lasts beyond it is ended by `healAll`. */
export class FaultInjector {
  readonly #world: World
  readonly #random: SimRandom
  readonly #settings: FaultSettings
  readonly #untilMs: number
  #ends = new Set<() => void>()
  #isOver = false

  constructor(world: World, settings: FaultSettings, random: SimRandom, untilMs: number) {
    this.#world = world
    this.#settings = settings
    this.#random = random
    this.#untilMs = untilMs
    this.#scheduleNext()
  }

  /** Ends every fault and everything that could hinder the cluster, but for `except`. */
  healAll(except: readonly SimNode[]): void {
    this.#isOver = true
    for (const end of this.#ends) end()
    this.#ends.clear()
    const world = this.#world
    world.network.healAll()
    world.network.settings = { ...world.network.settings, lossRate: 0 }
    world.storeModel.extraCommitMs = 0
    for (const node of world.nodes) {
      node.thaw()
      node.thawAgent()
      node.thawGuard()
      node.directory.hangsUntilMs = 0
      if (except.includes(node)) {
        node.isWanted = false
        node.crash()
        continue
      }
      node.boot()
      if (node.voter !== null && node.voter.state !== 'up') {
        world.storeModel.setVoter(node.voter, 'up')
      }
      node.startAgent()
    }
  }

  #scheduleNext(): void {
    const pauseMs = this.#settings.pauseMs * this.#random.between(0.1, 1.9)
    this.#world.simulator.schedule(pauseMs, () => {
      if (this.#isOver || this.#world.nowMs >= this.#untilMs) return
      this.#inject()
      this.#scheduleNext()
    })
  }

  #inject(): void {
    const random = this.#random
    const world = this.#world
    const fault = pickWeighted(this.#settings.faults, random)
    if (fault === null) return
    const { holder, dataNodes } = world
    const isHolder = holder !== null && random.chance(0.5)
    const durationMs = this.#settings.durationMs * (0.1 + 3 * random.next() ** 3)
    const { what, end } = fault.begin({
      world,
      random,
      victim: isHolder ? holder : random.pick(world.nodes),
      dataVictim: isHolder ? holder : random.pick(dataNodes),
      durationMs,
    })
    world.note('world', `FAULT ${what}`)
    if (end === null) return
    this.#ends.add(end)
    world.simulator.schedule(durationMs, () => {
      if (!this.#ends.delete(end)) return
      end()
      world.note('world', `over: ${what}`)
    })
  }
}

function pickWeighted(items: readonly Fault[], random: SimRandom): Fault | null {
  const total = items.reduce((sum, item) => sum + item.weight, 0)
  let left = random.next() * total
  for (const item of items) {
    left -= item.weight
    if (left < 0) return item
  }
  return items.at(-1) ?? null
}
