// Waits until a cluster does what its spec says, and shows each node on its way there.

import type { ClusterStatus, NodeStatus } from '../core/cluster-status.ts'
import type { NodeName } from '../core/names.ts'
import type { StatusReason } from '../core/status-reasons.ts'
import { PgherdError } from '../lib/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { StatusClient } from '../ports/status-client.ts'
import type { RuntimeCluster } from '../runtimes/runtime.ts'
import { observeCluster } from './observe-cluster.ts'
import { renderProgress } from './render-progress.ts'
import type { StepUpdate } from './step-list.ts'

const pollMs = 100

export type Patience = {
  /** Nodes that nobody is to wait for, as those without power. */
  readonly absent: readonly NodeName[]
  /** The most that it waits. */
  readonly timeoutMs: number
}

/**
 * Returns the first status in which the cluster is healthy, as far as it can be.
 * @param onStep one step per node that is waited for
 * @throws PgherdError PGHERD_NOT_HEALTHY_IN_TIME, naming what is missing
 */
export async function waitForHealth(
  cluster: RuntimeCluster,
  client: StatusClient,
  clock: Clock,
  onStep: (step: StepUpdate) => void,
  { absent, timeoutMs }: Patience,
  signal: AbortSignal,
): Promise<ClusterStatus> {
  const deadlineMs = clock.monotonicMs() + timeoutMs
  for (;;) {
    const { status } = await observeCluster(cluster, client)
    for (const step of healthSteps(status, absent)) onStep(step)
    if (isHealthyBut(status, absent)) return status
    signal.throwIfAborted()
    const lost = status.reasons.find((reason) => reason.code === 'node-failed')
    if (lost !== undefined) throw notHealthy(status, lost, 'and it does not go on by itself')
    if (clock.monotonicMs() >= deadlineMs) {
      throw notHealthy(status, status.reasons[0], `after ${Math.round(timeoutMs / 1000)} s`)
    }
    await clock.sleep(pollMs, signal)
  }
}

const absences: ReadonlySet<StatusReason['code']> = new Set(['node-stopped', 'node-without-power'])

/** What the absence of a node leads to, wherever it is. */
const consequences: ReadonlySet<StatusReason['code']> = new Set(['store-votes', 'durability'])

/** Whether nothing is wrong but that the nodes `absent` are stopped, and what follows from that. */
export function isHealthyBut(status: ClusterStatus, absent: readonly NodeName[]): boolean {
  if (status.verdict === 'healthy') return true
  if (absent.length === 0 || status.verdict !== 'degraded') return false
  return status.reasons.every(({ code, node }) => {
    if (node === null) return consequences.has(code)
    // An absent primary is still missed: another one has to take over.
    return absences.has(code) && absent.includes(node)
  })
}

function notHealthy(
  status: ClusterStatus,
  reason: StatusReason | undefined,
  when: string,
): PgherdError {
  return new PgherdError({
    code: 'PGHERD_NOT_HEALTHY_IN_TIME',
    reason: 'timeout',
    message: `cluster ${status.cluster} is ${status.verdict} ${when}`,
    because: reason?.message ?? 'the reason is not known',
    hint: `what is started stays; look at it with: ${reason?.next ?? 'pgherd status'}`,
  })
}

/**
 * Each node that is waited for as a step: done when it does what it is there for. The id is the one under
 * which runtimes report the start of a node, so that one line tells its whole way.
 */
export function healthSteps(
  status: ClusterStatus,
  absent: readonly NodeName[] = [],
): readonly StepUpdate[] {
  const awaited = status.nodes.filter((node) => !absent.includes(node.name))
  return awaited.map((node) => {
    const isSettled = node.state === 'running' || node.state === 'streaming'
    return {
      id: `start:${node.name}`,
      title: node.name,
      state: node.state === 'failed' ? 'failed' : isSettled ? 'done' : 'started',
      detail: describeNode(node),
    }
  })
}

function describeNode(node: NodeStatus): string {
  if (node.operation !== null && node.operation.doneBytes !== null) {
    return renderProgress(node.operation)
  }
  // Before a node has found its place, its role is a guess and its state is what matters.
  const what = describePlace(node) ?? node.state
  return node.detail === null ? what : `${what}: ${node.detail}`
}

/** Null until the node does what it is there for. */
function describePlace(node: NodeStatus): string | null {
  if (node.state === 'running') return node.role
  if (node.state !== 'streaming') return null
  return node.upstream === null ? 'standby, streaming' : `standby, streaming from ${node.upstream}`
}
