// Layouts for the simulator, and a cluster that is already there: most seeds begin with one that was
// stopped in order, because making the very first primary is a story of its own.

import type { ClusterLayout, Durability, NodeLayout } from '../src/core/cluster-layout.ts'
import { asEpoch, asNodeName, asTimeline, incarnationOf, slotNameOf } from '../src/core/names.ts'
import type { ClusterName, NodeRole, SystemId } from '../src/core/names.ts'
import { makeList } from '../src/core/sync-list.ts'
import type { TimingPlan } from '../src/core/timing-plan.ts'
import { Wal } from './postgres/wal.ts'
import type { World } from './world.ts'

export const topologies = {
  one: { dataCount: 1, witnessCount: 0 },
  'two and a witness': { dataCount: 2, witnessCount: 1 },
  three: { dataCount: 3, witnessCount: 0 },
  'three and a witness': { dataCount: 3, witnessCount: 1 },
  'four and a witness': { dataCount: 4, witnessCount: 1 },
  five: { dataCount: 5, witnessCount: 0 },
} as const

export type TopologyName = keyof typeof topologies

/** The layout that the spec of such a cluster gives. */
export function layoutOf(
  topology: TopologyName,
  options: {
    readonly durability: Durability
    readonly syncStandbys: number
    readonly plan: TimingPlan
    /** Data nodes that may never become primary, by index. */
    readonly noFailover?: readonly number[]
  },
): ClusterLayout {
  const { dataCount, witnessCount } = topologies[topology]
  // An odd number of voters, witnesses first.
  const total = dataCount + witnessCount
  const voterCount = total % 2 === 1 ? total : total - 1
  const node = (name: string, role: NodeRole, index: number): NodeLayout => {
    const isVoter = role === 'witness' || index < voterCount - witnessCount
    return {
      name: asNodeName(name),
      role,
      host: '127.0.0.1',
      postgresPort: role === 'data' ? 5432 + index : null,
      apiPort: 7400 + index + (role === 'data' ? 0 : dataCount),
      storeClientPort: isVoter ? 2400 + index : null,
      storePeerPort: isVoter ? 2500 + index : null,
      isVoter,
      noFailover: role === 'data' && (options.noFailover?.includes(index) ?? false),
    }
  }
  return {
    cluster: 'sim' as ClusterName,
    durability: options.durability,
    syncStandbys: options.syncStandbys,
    plan: options.plan,
    nodes: [
      ...Array.from({ length: dataCount }, (_, index) =>
        node(`pg-${String(index)}`, 'data', index),
      ),
      ...Array.from({ length: witnessCount }, (_, index) =>
        node(`pgw-${String(index)}`, 'witness', index),
      ),
    ],
    endpoints: { write: null, read: null },
    balancerPorts: null,
    vip: null,
  }
}

/** Fills disks and store as a cluster leaves them that ran, and was stopped in order. */
export function prepareCluster(world: World): void {
  const systemId = `7${world.random.split('system').hex(8)}` as SystemId
  const { layout, dataNodes } = world
  const epoch = asEpoch(1)
  const names = dataNodes.map((node) => node.name)
  const incarnations = dataNodes.map((node) => incarnationOf(node.name, node.random.hex(8)))
  const origin = Wal.create()
  for (const [index, node] of dataNodes.entries()) {
    const { directory, file } = node
    directory.stage(systemId)
    directory.adoptStaged()
    directory.wal = origin.copyFlushed()
    directory.isStandby = index > 0
    for (const name of names) if (name !== node.name) directory.slots.add(slotNameOf(name))
    file.record = {
      promise: epoch,
      incarnation: incarnations[index] ?? null,
      systemId,
      suspendedUntil: null,
      primaryEpoch: index === 0 ? epoch : null,
    }
  }
  const [owner, ...standbys] = incarnations
  const holder = names[0]
  if (owner === undefined || holder === undefined) throw new RangeError('no data nodes')
  const list = makeList(layout.syncStandbys, layout.durability === 'async' ? [] : standbys)
  const timeline = asTimeline(1)
  const { ttlMs } = layout.plan
  world.storeModel.transact(holder, {
    expect: {},
    put: {
      cluster: { systemId, createdAtMs: 0 as never },
      lease: {
        holder,
        epoch,
        ttlMs,
        sequence: 1,
        state: 'released',
        systemId,
        handOverTo: null,
      },
      sync: {
        systemId,
        epoch,
        owner,
        timeline,
        lists: [list],
        target: list,
        timelines: [{ timeline, epoch }],
      },
    },
  })
}
