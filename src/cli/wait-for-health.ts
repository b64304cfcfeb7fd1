// Waits until a cluster does what its spec says, and shows each node on its way there.

import type { ClusterStatus, NodeStatus } from '../core/cluster-status.ts'
import type { StatusReason } from '../core/status-reasons.ts'
import { PgherdError } from '../lib/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { StatusClient } from '../ports/status-client.ts'
import type { RuntimeCluster } from '../runtimes/runtime.ts'
import { observeCluster } from './observe-cluster.ts'
import { renderProgress } from './render-progress.ts'
import type { StepUpdate } from './step-list.ts'

const pollMs = 100

/**
 * Returns the first healthy status.
 * @param onStep one step per node, and one for the whole
 * @param timeoutMs the most that it waits
 * @throws PgherdError PGHERD_NOT_HEALTHY_IN_TIME, naming what is missing
 */
export async function waitForHealth(
  cluster: RuntimeCluster,
  client: StatusClient,
  clock: Clock,
  onStep: (step: StepUpdate) => void,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ClusterStatus> {
  const deadlineMs = clock.monotonicMs() + timeoutMs
  for (;;) {
    const { status } = await observeCluster(cluster, client)
    for (const step of healthSteps(status)) onStep(step)
    if (status.verdict === 'healthy') return status
    signal.throwIfAborted()
    const lost = status.reasons.find((reason) => reason.code === 'node-failed')
    if (lost !== undefined) throw notHealthy(status, lost, 'and it does not go on by itself')
    if (clock.monotonicMs() >= deadlineMs) {
      throw notHealthy(status, status.reasons[0], `after ${Math.round(timeoutMs / 1000)} s`)
    }
    await clock.sleep(pollMs, signal)
  }
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
 * Each node as a step: done when it does what it is there for. The id is the one under which runtimes
 * report the start of a node, so that one line tells its whole way.
 */
export function healthSteps(status: ClusterStatus): readonly StepUpdate[] {
  return status.nodes.map((node) => {
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
