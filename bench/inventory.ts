// What a cluster holds of the machine: processes, open files of agents and guards, slots. Compared
// before and after a rough time to find what leaks, and with nothing after `destroy`.

import { readdir, readlink } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import type { ClusterLayout } from '../src/core/cluster-layout.ts'
import type { BenchCluster } from './cluster.ts'
import { findGuard } from './faults.ts'
import { readArguments, readUsage } from './process-usage.ts'

export type NodeInventory = {
  readonly node: string
  /** Processes other than PostgreSQL's own, by name, as `etcd 1, node 2`. */
  readonly processes: string
  readonly agentFiles: number | null
  readonly guardFiles: number | null
  /** Replication slots, sorted; null on nodes without data. */
  readonly slots: string | null
}

/** More open files than before by this many are no leak: connections come and go. */
const fileTolerance = 6

export async function takeInventory(cluster: BenchCluster): Promise<readonly NodeInventory[]> {
  const nodes = await cluster.runtime.processes()
  return Promise.all(
    nodes.map(async ({ node, agentPid, processes }) => {
      const guardPid = await findGuard(processes)
      const isData = cluster.node(node).role === 'data'
      return {
        node,
        processes: countNames(processes.map((each) => each.name)),
        agentFiles: await openFiles(agentPid),
        guardFiles: await openFiles(guardPid),
        slots: isData ? await cluster.slotsOf(node) : null,
      }
    }),
  )
}

async function openFiles(pid: number | null): Promise<number | null> {
  return pid === null ? null : ((await readUsage(pid))?.openFileCount ?? null)
}

function countNames(names: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const name of names) {
    if (name !== 'postgres') counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts]
    .toSorted()
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}

/** What is more, or other, than before; one sentence each. */
export function compareInventories(
  before: readonly NodeInventory[],
  after: readonly NodeInventory[],
): readonly string[] {
  return before.flatMap((then) => {
    const now = after.find((each) => each.node === then.node)
    if (now === undefined) return [`${then.node} is gone`]
    const files = (what: string, was: number | null, is: number | null): string[] =>
      is !== null && is > (was ?? 0) + fileTolerance
        ? [`${then.node}: the ${what} has ${is} open files, before ${was ?? 0}`]
        : []
    return [
      ...(now.processes === then.processes
        ? []
        : [`${then.node}: processes ${now.processes}, before ${then.processes}`]),
      ...(now.slots === then.slots
        ? []
        : [`${then.node}: slots ${now.slots ?? ''}, before ${then.slots ?? ''}`]),
      ...files('agent', then.agentFiles, now.agentFiles),
      ...files('guard', then.guardFiles, now.guardFiles),
    ]
  })
}

/** Processes that work in `folder` or were told about it: those of a cluster that lives there. */
export async function processesIn(folder: string): Promise<readonly string[]> {
  const found: string[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    const parameters = await readArguments(Number(name))
    const place = await readlink(`/proc/${name}/cwd`).catch(() => '')
    const isInside = (text: string): boolean =>
      text.includes(`${folder}${path.sep}`) || text === folder
    if (isInside(place) || parameters.some(isInside)) found.push(`${name} ${parameters.join(' ')}`)
  }
  return found
}

/** Ports of a cluster on which somebody listens. */
export async function openPortsOf(layout: ClusterLayout): Promise<readonly number[]> {
  const { read, write } = layout.endpoints
  const ports = [
    ...layout.nodes.flatMap((node) => [
      node.apiPort,
      node.postgresPort,
      node.storeClientPort,
      node.storePeerPort,
    ]),
    write?.port ?? null,
    read?.port ?? null,
  ].filter((port) => port !== null)
  const open = await Promise.all(ports.map(isOpen))
  return ports.filter((_, index) => open[index] === true)
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1000 })
    const end = (isAnswered: boolean) => () => {
      socket.destroy()
      resolve(isAnswered)
    }
    socket.once('connect', end(true))
    socket.once('error', end(false))
    socket.once('timeout', end(true))
  })
}
