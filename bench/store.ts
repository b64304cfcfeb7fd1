// Measures the store by itself, on this machine: compare-and-swap, how soon a watch tells, how long the
// lease stands still when etcd is hurt, and what an idle client costs. `tsx bench/store.ts [rounds]`

import { setTimeout as pause } from 'node:timers/promises'
import { createEtcdClusterStore } from '../src/adapters/etcd/cluster-store.ts'
import type { ClusterName } from '../src/core/names.ts'
import type { TimingPlan } from '../src/core/timing-plan.ts'
import { timingPlans } from '../src/core/timing-plan.ts'
import type { EtcdTestCluster } from '../test/support/etcd.ts'
import { startEtcdCluster } from '../test/support/etcd.ts'
import type { Heartbeat } from '../test/support/store-heartbeat.ts'
import { startHeartbeat } from '../test/support/store-heartbeat.ts'
import { leaseRecord } from '../test/support/store-records.ts'

const rounds = Number(process.argv[2] ?? 8)
let clusterCount = 0

const say = (line: string): void => void process.stdout.write(`${line}\n`)

function quantiles(samples: readonly number[]): string {
  const sorted = [...samples].sort((left, right) => left - right)
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1)
  return `min ${at(0)}  p50 ${at(0.5)}  p99 ${at(0.99)}  max ${at(1)} ms  (${sorted.length})`
}

/** Two clients: the holder prefers member `preferred`, the observer the one after it. */
async function withHeartbeat(
  etcd: EtcdTestCluster,
  plan: TimingPlan,
  preferred: number,
  body: (heartbeat: Heartbeat) => Promise<void>,
): Promise<void> {
  clusterCount += 1
  const cluster = `bench-${clusterCount}` as ClusterName
  const from = (first: number) => [
    ...etcd.endpoints.slice(first % etcd.endpoints.length),
    ...etcd.endpoints.slice(0, first % etcd.endpoints.length),
  ]
  const holder = createEtcdClusterStore({ cluster, plan, endpoints: from(preferred) })
  const observer = createEtcdClusterStore({ cluster, plan, endpoints: from(preferred + 1) })
  const heartbeat = await startHeartbeat(holder, observer, plan)
  try {
    await body(heartbeat)
  } finally {
    await heartbeat.stop()
    holder.close()
    observer.close()
  }
}

async function measureWrites(etcd: EtcdTestCluster, plan: TimingPlan): Promise<void> {
  const leader = await etcd.leader()
  for (const [where, index] of [
    ['leader', leader],
    ['follower', (leader + 1) % 3],
  ] as const) {
    const endpoints = [etcd.member(index).endpoint]
    const cluster = `bench-cas-${where}` as ClusterName
    const store = createEtcdClusterStore({ cluster, plan, endpoints })
    const times: number[] = []
    let revision = 0
    for (let sequence = 1; sequence <= 1000; sequence += 1) {
      const startedAtMs = performance.now()
      const lease = leaseRecord({ sequence })
      const result = await store.transact({ expect: { lease: revision }, put: { lease } }, 5000)
      times.push(performance.now() - startedAtMs)
      if (result.kind === 'committed') revision = result.revision
    }
    store.close()
    say(`compare-and-swap through the ${where.padEnd(9)} ${quantiles(times)}`)
  }
}

async function measureSight(etcd: EtcdTestCluster, plan: TimingPlan): Promise<void> {
  await withHeartbeat(etcd, plan, 0, async (heartbeat) => {
    await pause(15_000)
    say(`renewal, every ${plan.renewMs} ms              ${quantiles(heartbeat.renewalTimesMs())}`)
    say(`put to watch on another member     ${quantiles(heartbeat.sightTimesMs())}`)
    say(`gap between renewals, calm: worst ${heartbeat.worstGapMs().toFixed(0)} ms`)
  })
}

async function measureFault(
  etcd: EtcdTestCluster,
  plan: TimingPlan,
  title: string,
  fault: 'kill' | 'freeze',
  victim: 'leader' | 'follower',
): Promise<void> {
  const gaps: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const leader = await etcd.leader()
    const index = victim === 'leader' ? leader : (leader + 1) % 3
    await withHeartbeat(etcd, plan, index, async (heartbeat) => {
      await pause(500 + Math.floor(round * 37))
      await heartbeat.reset()
      if (fault === 'kill') await etcd.member(index).kill()
      else etcd.member(index).freeze()
      await pause(plan.ttlMs * 2)
      gaps.push(heartbeat.worstGapMs())
    })
    if (fault === 'kill') await etcd.member(index).start()
    else etcd.member(index).thaw()
    await pause(plan.etcdElectionMs * 3)
  }
  say(`${title.padEnd(48)} ${gaps.map((gap) => gap.toFixed(0)).join(' ')}`)
}

/** What three more clients with one watch each add to the process that renews the lease. */
async function measureIdle(etcd: EtcdTestCluster, plan: TimingPlan): Promise<void> {
  const cluster = `bench-${clusterCount + 1}` as ClusterName
  await withHeartbeat(etcd, plan, 0, async () => {
    const alone = await cpuShare(20)
    const controller = new AbortController()
    const stores = [0, 1, 2].map(() =>
      createEtcdClusterStore({ cluster, plan, endpoints: etcd.endpoints }),
    )
    for (const store of stores) store.watch(() => undefined, controller.signal)
    const together = await cpuShare(20)
    controller.abort()
    for (const store of stores) store.close()
    say(`renewing and one watch: ${alone.toFixed(2)} % of a core`)
    say(`three more watches:     ${(together - alone).toFixed(2)} % of a core`)
  })
}

/** Share of one core, in per cent, that this process uses in the next `seconds`. */
async function cpuShare(seconds: number): Promise<number> {
  const before = process.cpuUsage()
  await pause(seconds * 1000)
  const used = process.cpuUsage(before)
  return ((used.user + used.system) / 1e6 / seconds) * 100
}

const plan = timingPlans.fast
const etcd = await startEtcdCluster({ size: 3, plan })
try {
  say(
    `plan fast: etcd ${plan.etcdHeartbeatMs}/${plan.etcdElectionMs}, attempts ${plan.storeAttemptMs} ms,`,
  )
  say(
    `holder stops ${plan.ttlMs - plan.marginMs} ms after its last renewal; 3 members on this machine`,
  )
  await measureWrites(etcd, plan)
  await measureSight(etcd, plan)
  await measureIdle(etcd, plan)
  say(`worst gap between renewals, ms, ${rounds} rounds:`)
  await measureFault(etcd, plan, 'etcd leader killed, holder is its client', 'kill', 'leader')
  await measureFault(etcd, plan, 'etcd follower killed, holder is its client', 'kill', 'follower')
  await measureFault(etcd, plan, 'etcd leader frozen, holder is its client', 'freeze', 'leader')
  await measureFault(etcd, plan, 'etcd follower frozen, holder is its client', 'freeze', 'follower')
} finally {
  await etcd.stop()
}
