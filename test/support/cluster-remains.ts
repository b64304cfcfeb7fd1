// What a destroyed cluster has left on the machine. Nothing is the only right answer.

import { existsSync } from 'node:fs'
import type { BenchCluster } from '../../bench/cluster.ts'
import { openPortsOf, processesIn } from '../../bench/inventory.ts'

/** Destroys a cluster and lists processes, ports and files that are still there. */
export async function destroyAndLookAround(cluster: BenchCluster): Promise<readonly string[]> {
  const { layout } = cluster.runtime
  await cluster.destroy()
  const [processes, ports] = await Promise.all([processesIn(cluster.home), openPortsOf(layout)])
  return [
    ...processes.map((line) => `process ${line}`),
    ...ports.map((port) => `port ${port}`),
    ...(existsSync(cluster.home) ? [`folder ${cluster.home}`] : []),
  ]
}
