// Asks every agent at once, each with the same deadline, and merges what came. Dead and hanging agents
// cost no more than the deadline.

import {
  type AgentProcess,
  type ClusterStatus,
  type NodeObservation,
  mergeStatus,
} from '../core/cluster-status.ts'
import type { NodeLayout } from '../core/cluster-layout.ts'
import type { JournalEvent } from '../core/journal-event.ts'
import { PgherdError } from '../lib/errors.ts'
import type { NodeName } from '../core/names.ts'
import type { AgentStatus } from '../ports/agent-api.ts'
import { AgentSilentError, type StatusClient } from '../ports/status-client.ts'
import type { RuntimeCluster } from '../runtimes/runtime.ts'

/** How long `status` waits for an agent. */
export const statusDeadlineMs = 1_000

/** How many events an agent is asked for. */
export const eventCountMax = 500

export type ClusterObservation = {
  readonly status: ClusterStatus
  /** What each agent that answered said, unmerged. */
  readonly answers: ReadonlyMap<NodeName, AgentStatus>
}

export async function observeCluster(
  cluster: RuntimeCluster,
  client: StatusClient,
  deadlineMs = statusDeadlineMs,
): Promise<ClusterObservation> {
  const { nodes } = cluster.layout
  const [answers, processes] = await Promise.all([
    Promise.all(nodes.map((node) => ask(client, node, deadlineMs))),
    processesOf(cluster),
  ])
  const observations = new Map<NodeName, NodeObservation>()
  const statuses = new Map<NodeName, AgentStatus>()
  for (const [index, node] of nodes.entries()) {
    const answer = answers[index]
    const process = processes.get(node.name) ?? null
    if (answer === undefined || answer instanceof AgentSilentError) {
      const silence = answer?.silence ?? 'refused'
      observations.set(node.name, { kind: 'silent', silence, process })
    } else {
      observations.set(node.name, { kind: 'answered', view: answer, process })
      statuses.set(node.name, answer)
    }
  }
  return { status: mergeStatus(cluster.layout, observations), answers: statuses }
}

/** An agent of another cluster, or of another node, behind the address is no answer. */
async function ask(
  client: StatusClient,
  node: NodeLayout,
  deadlineMs: number,
): Promise<AgentStatus | AgentSilentError> {
  try {
    const status = await client.status(node, deadlineMs)
    if (status.node === node.name) return status
    return new AgentSilentError('foreign', `${status.node} answers at the address of ${node.name}`)
  } catch (error) {
    if (error instanceof AgentSilentError) return error
    throw error
  }
}

/** Where processes cannot be seen (another host), there is nothing to add. */
async function processesOf(cluster: RuntimeCluster): Promise<Map<NodeName, AgentProcess>> {
  const processes = await cluster.processes()
  return new Map(
    processes.map(({ node, state, detail, hostWithoutPower, processes: running }) => [
      node,
      { isAnythingLeft: running.length > 0, state, detail, hostWithoutPower },
    ]),
  )
}

/**
 * The events that any agent knows, oldest first, each once. Agents answer from the store, or with
 * their own when it is down; asking all of them gives the whole story in both cases.
 * @returns null when no agent answered
 */
export async function gatherEvents(
  cluster: RuntimeCluster,
  client: StatusClient,
  deadlineMs = statusDeadlineMs,
  countMax = eventCountMax,
): Promise<readonly JournalEvent[] | null> {
  const answers = await Promise.all(
    cluster.layout.nodes.map(async (node) => {
      try {
        return await client.events(node, countMax, deadlineMs)
      } catch (error) {
        if (error instanceof AgentSilentError) return null
        throw error
      }
    }),
  )
  if (answers.every((answer) => answer === null)) return null
  return mergeEvents(answers.flatMap((answer) => answer ?? []))
}

/** Each event once, oldest first; those of one node keep their own order at equal times. */
export function mergeEvents(events: readonly JournalEvent[]): readonly JournalEvent[] {
  const byId = new Map(events.map((event) => [event.id, event]))
  return [...byId.values()].toSorted(
    (left, right) =>
      left.atMs - right.atMs ||
      left.node.localeCompare(right.node) ||
      left.atMonotonicMs - right.atMonotonicMs,
  )
}

/** Its agents are started on hosts of their own: their processes and files are not in reach. */
export async function isElsewhere(cluster: RuntimeCluster): Promise<boolean> {
  return (await cluster.processes()).length === 0
}

/** Nobody is there to be asked. */
export async function noAnswerError(cluster: RuntimeCluster): Promise<PgherdError> {
  const { specFile } = cluster
  const isHere = !(await isElsewhere(cluster))
  return new PgherdError({
    code: 'PGHERD_NO_AGENT_ANSWERS',
    reason: 'unreachable',
    message: `no agent of cluster ${cluster.layout.cluster} answers`,
    because: isHere
      ? 'the cluster is down, or every agent hangs'
      : 'no agent runs on the hosts of the spec, or the network is cut',
    hint: isHere
      ? 'start it with: pgherd up; see what runs with: pgherd status'
      : `on each host run: pgherd agent --spec ${specFile} --node NAME`,
  })
}
