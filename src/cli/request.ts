// Sends an operator's request to the agent that can carry it out: the lease holder first, then whoever
// answers; an agent that is the wrong one names the right one.

import type { NodeName } from '../core/names.ts'
import { PgherdError } from '../lib/errors.ts'
import type { RequestAnswer } from '../ports/agent-api.ts'
import { type AgentAddress, AgentSilentError, type StatusClient } from '../ports/status-client.ts'
import type { RuntimeCluster } from '../runtimes/runtime.ts'
import { noAnswerError, observeCluster } from './observe-cluster.ts'

/** A request may have to wait for the store. */
const requestDeadlineMs = 5_000

export type Accepted = Extract<RequestAnswer, { kind: 'accepted' }>

/**
 * @param send makes the call; it is made again at another agent only when the first certainly did not
 *   take it (it refused the connection, or named another node)
 * @throws PgherdError PGHERD_REFUSED with the rule's id, PGHERD_REQUEST_UNANSWERED when an agent hangs,
 *   PGHERD_NO_AGENT_ANSWERS, PGHERD_NO_PRIMARY
 */
export async function requestOfCluster(
  cluster: RuntimeCluster,
  client: StatusClient,
  send: (agent: AgentAddress, deadlineMs: number) => Promise<RequestAnswer>,
): Promise<Accepted> {
  const { status, answers } = await observeCluster(cluster, client)
  const { layout } = cluster
  const candidates: NodeName[] = [...answers.keys()]
  if (candidates.length === 0) throw await noAnswerError(cluster)
  const holder = status.lease?.holder
  if (holder !== undefined && answers.has(holder)) candidates.unshift(holder)
  const tried = new Set<NodeName>()
  for (let name = candidates.shift(); name !== undefined; name = candidates.shift()) {
    const agent = layout.nodes.find((node) => node.name === name)
    if (agent === undefined || tried.has(name)) continue
    tried.add(name)
    const answer = await sendTo(name, agent, send)
    if (answer?.kind === 'accepted') return answer
    if (answer?.kind === 'refused') throw refusedError(answer)
    // An agent that was silent a moment ago would only cost its deadline.
    const next = answer?.kind === 'elsewhere' ? answer.node : null
    if (next !== null && answers.has(next)) candidates.unshift(next)
  }
  throw new PgherdError({
    code: 'PGHERD_NO_PRIMARY',
    reason: 'noPrimary',
    message: `no agent of cluster ${layout.cluster} can take this request`,
    because: status.summary,
    hint: 'wait until there is a primary: pgherd status --watch',
  })
}

/** @returns null when the agent certainly did not get the request */
async function sendTo(
  name: NodeName,
  agent: AgentAddress,
  send: (agent: AgentAddress, deadlineMs: number) => Promise<RequestAnswer>,
): Promise<RequestAnswer | null> {
  try {
    return await send(agent, requestDeadlineMs)
  } catch (error) {
    if (!(error instanceof AgentSilentError)) throw error
    if (error.silence === 'refused') return null
    throw new PgherdError({
      code: 'PGHERD_REQUEST_UNANSWERED',
      reason: 'timeout',
      message: `the agent of ${name} did not answer the request within ${requestDeadlineMs / 1000} s`,
      because: error.message,
      hint: 'it may still be carried out; see what happened: pgherd events',
      cause: error,
    })
  }
}

export function refusedError(answer: Extract<RequestAnswer, { kind: 'refused' }>): PgherdError {
  return new PgherdError({
    code: 'PGHERD_REFUSED',
    reason: 'refused',
    message: `refused by rule ${answer.ruleId}: ${answer.message}`,
    hint: answer.hint,
  })
}

/** The plan of a dry run: agents say it as an answer, screens as something that will be done. */
export function planText(message: string): string {
  return message.replace(/^Would do: /, '')
}
