// Which processes of this machine belong to a node. They are found without asking anybody: the agent may
// be dead, the guard frozen, pid files stale.

import path from 'node:path'
import type { ProcessInfo } from '../../host/process-info.ts'

/** Programs that pgherd runs on a node. A shell or an editor of a person is none of them. */
const nodePrograms = /^(postgres|postmaster|etcd|haproxy|keepalived|initdb|setpriv|pg_[a-z]+)$/
/** Agent and guard. People run Node too, perhaps in our folder: the place alone does not tell. */
const nodeItself = /^(node|MainThread)$/

/**
 * The processes of one node: programs of ours that work in its folder or were started with a path in
 * it, and everything that they have started.
 * @param nodeDirectory absolute
 */
export function processesOfNode(
  all: readonly ProcessInfo[],
  nodeDirectory: string,
): readonly ProcessInfo[] {
  const namesFolder = (each: ProcessInfo) =>
    each.arguments.some((one) => isBelow(one.replace(/^--[a-z-]+=/, ''), nodeDirectory))
  const isOurs = (each: ProcessInfo) =>
    (nodeItself.test(each.name) && namesFolder(each)) ||
    (nodePrograms.test(each.name) &&
      (isBelow(each.workingDirectory, nodeDirectory) || namesFolder(each)))
  const found = new Set(all.filter(isOurs).map((each) => each.pid))
  found.delete(process.pid)
  let hasGrown = found.size > 0
  while (hasGrown) {
    hasGrown = false
    for (const each of all) {
      if (found.has(each.pid) || !found.has(each.parentPid) || each.pid === process.pid) continue
      found.add(each.pid)
      hasGrown = true
    }
  }
  return all.filter((each) => found.has(each.pid))
}

/** The agent among the processes of a node. */
export function agentAmong(processes: readonly ProcessInfo[]): ProcessInfo | null {
  return (
    processes.find((each) => nodeItself.test(each.name) && each.arguments.includes('agent')) ?? null
  )
}

function isBelow(file: string | null, directory: string): boolean {
  if (file === null) return false
  const bare = file.replace(/ \(deleted\)$/, '')
  return bare === directory || bare.startsWith(directory + path.sep)
}
