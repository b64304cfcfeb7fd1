// What agents, guards and the store cost while nothing happens.

import { setTimeout as pause } from 'node:timers/promises'
import type { BenchCluster } from './cluster.ts'
import { findGuard } from './faults.ts'
import { type Usage, readUsage } from './process-usage.ts'

export type ProgramCost = {
  readonly node: string
  readonly program: 'agent' | 'guard' | 'etcd' | 'haproxy'
  readonly residentBytes: number
  readonly proportionalBytes: number
  /** Processor time per time, in percent of one core. */
  readonly cpuPercent: number
  readonly openFileCount: number
}

type Watched = Pick<ProgramCost, 'node' | 'program'> & { readonly pid: number }

/** Watches an idle cluster for `seconds`. @throws Error when one of the programs ends meanwhile */
export async function measureIdleCost(
  cluster: BenchCluster,
  seconds: number,
): Promise<readonly ProgramCost[]> {
  const watched = await findPrograms(cluster)
  const before = await Promise.all(watched.map(({ pid }) => readUsage(pid)))
  const startedAtMs = performance.now()
  await pause(seconds * 1000)
  const after = await Promise.all(watched.map(({ pid }) => readUsage(pid)))
  const elapsedMs = performance.now() - startedAtMs
  return watched.map((program, index) =>
    costOf(program, before[index] ?? null, after[index] ?? null, elapsedMs),
  )
}

function costOf(
  { node, program }: Watched,
  before: Usage | null,
  after: Usage | null,
  elapsedMs: number,
): ProgramCost {
  if (before === null || after === null) throw new Error(`${program} of ${node} ended meanwhile`)
  const { residentBytes, proportionalBytes, openFileCount } = after
  const cpuPercent = ((after.cpuMs - before.cpuMs) / elapsedMs) * 100
  return { node, program, residentBytes, proportionalBytes, openFileCount, cpuPercent }
}

async function findPrograms(cluster: BenchCluster): Promise<readonly Watched[]> {
  const watched: Watched[] = []
  for (const { node, agentPid, processes } of await cluster.runtime.processes()) {
    const guardPid = await findGuard(processes)
    if (agentPid !== null) watched.push({ node, program: 'agent', pid: agentPid })
    if (guardPid !== null) watched.push({ node, program: 'guard', pid: guardPid })
    for (const { name, pid } of processes) {
      if (name === 'etcd' || name === 'haproxy') watched.push({ node, program: name, pid })
    }
  }
  return watched
}
