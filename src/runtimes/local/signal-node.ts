// Signals to every process of a node at once. New processes may appear while the list is read (a
// postmaster forks), so it is read again until nothing is left to do.

import { setTimeout as pause } from 'node:timers/promises'
import { signalProcess } from '../../host/process-table.ts'
import { PgherdError } from '../../lib/errors.ts'
import { listProcesses } from '../../host/process-info.ts'
import { agentAmong, processesOfNode } from './node-processes.ts'
import type { ProcessInfo } from '../../host/process-info.ts'

/** After this long a process is stuck in the kernel, usually in a hung disk. */
const stuckAfterMs = 10_000
const pollMs = 5
/** An immediate shutdown takes milliseconds, unless a disk hangs. */
const quitMs = 1000

const nodeProcesses = (nodeDirectory: string) => processesOfNode(listProcesses(), nodeDirectory)

/**
 * SIGKILL to all, until none is left.
 * @returns how many were hit
 * @throws PgherdError PGHERD_PROCESS_STUCK
 */
export async function killAll(nodeDirectory: string): Promise<number> {
  const hit = new Set<number>()
  const startedAtMs = performance.now()
  for (;;) {
    const alive = nodeProcesses(nodeDirectory)
    if (alive.length === 0) return hit.size
    if (performance.now() - startedAtMs > stuckAfterMs) throw stuckError(nodeDirectory, alive)
    for (const each of alive) {
      hit.add(each.pid)
      signalProcess(each.pid, 'SIGKILL')
    }
    await pause(pollMs)
  }
}

/**
 * SIGQUIT to the postmasters, after SIGKILL to the agent that would start them again, and a short wait: they
 * end at once, but remove their shared memory, which after SIGKILL nobody would.
 */
export async function quitServers(nodeDirectory: string): Promise<void> {
  const agent = agentAmong(nodeProcesses(nodeDirectory))
  if (agent !== null) signalProcess(agent.pid, 'SIGKILL')
  thawAll(nodeDirectory)
  const listServers = () => nodeProcesses(nodeDirectory).filter(({ name }) => name === 'postgres')
  const servers = listServers()
  const pids = new Set(servers.map(({ pid }) => pid))
  for (const each of servers) if (!pids.has(each.parentPid)) signalProcess(each.pid, 'SIGQUIT')
  const startedAtMs = performance.now()
  while (listServers().length > 0 && performance.now() - startedAtMs < quitMs) await pause(pollMs)
}

/** SIGSTOP to all, until none runs. @returns how many were hit */
export async function freezeAll(nodeDirectory: string): Promise<number> {
  const hit = new Set<number>()
  const startedAtMs = performance.now()
  for (;;) {
    const running = nodeProcesses(nodeDirectory).filter((each) => !each.isFrozen)
    if (running.length === 0) return hit.size
    if (performance.now() - startedAtMs > stuckAfterMs) throw stuckError(nodeDirectory, running)
    for (const each of running) {
      hit.add(each.pid)
      signalProcess(each.pid, 'SIGSTOP')
    }
    await pause(pollMs)
  }
}

/** SIGCONT to all that are frozen. @returns how many were hit */
export function thawAll(nodeDirectory: string): number {
  const frozen = nodeProcesses(nodeDirectory).filter((each) => each.isFrozen)
  for (const each of frozen) signalProcess(each.pid, 'SIGCONT')
  return frozen.length
}

/** Waits until no process of the node is left. @returns false when `withinMs` has passed */
export async function untilGone(nodeDirectory: string, withinMs: number): Promise<boolean> {
  const startedAtMs = performance.now()
  while (nodeProcesses(nodeDirectory).length > 0) {
    if (performance.now() - startedAtMs > withinMs) return false
    await pause(pollMs * 4)
  }
  return true
}

function stuckError(nodeDirectory: string, stuck: readonly ProcessInfo[]): PgherdError {
  const names = stuck.map((each) => `${each.name} (pid ${String(each.pid)})`).join(', ')
  return new PgherdError({
    code: 'PGHERD_PROCESS_STUCK',
    reason: 'system',
    message: `processes of ${nodeDirectory} do not obey a signal: ${names}`,
    because: 'a process that waits for a hanging disk cannot be ended',
    hint: 'look at the disk (dmesg), then run the command again',
  })
}
