// Starting and ending single nodes: the wish is written for the supervisor, then the processes are
// dealt with and awaited.

import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import { PgherdError } from '../../lib/errors.ts'
import { signalProcess } from '../../host/process-table.ts'
import { AgentSilentError } from '../../ports/status-client.ts'
import type { StatusClient } from '../../ports/status-client.ts'
import { assertPortsFree } from './port-check.ts'
import type { ClusterPaths } from './paths.ts'
import { listProcesses } from '../../host/process-info.ts'
import { agentAmong, processesOfNode } from './node-processes.ts'
import type { ProcessInfo } from '../../host/process-info.ts'
import type { LocalSettings } from './settings.ts'
import { killAll, thawAll, untilGone } from './signal-node.ts'
import { readAgentRecord, readWanted, writeWanted } from './state-files.ts'

const answerMs = 45_000
const askMs = 500
const pollMs = 50
/** A primary hands over and makes a checkpoint first; a hung node is killed after this. */
const stopMs = 60_000

export type NodeContext = {
  readonly settings: LocalSettings
  readonly paths: ClusterPaths
  readonly client: StatusClient
}

export function processesOf(paths: ClusterPaths, node: NodeLayout): readonly ProcessInfo[] {
  return processesOfNode(listProcesses(), paths.nodeDirectory(node.name))
}

/**
 * Lets the supervisor start the node's agent and returns when the agent answers.
 * @returns false when it ran and was wanted already
 * @throws PgherdError PGHERD_PORT_TAKEN, PGHERD_AGENT_FAILED, PGHERD_AGENT_SILENT
 */
export async function startNode(
  context: NodeContext,
  layout: ClusterLayout,
  node: NodeLayout,
  signal?: AbortSignal,
): Promise<boolean> {
  const { settings, paths } = context
  const agent = agentAmong(processesOf(paths, node))
  const wanted = await readWanted(paths.wantedFile(node.name))
  const wasThawed = thawAll(paths.nodeDirectory(node.name)) > 0
  if (agent !== null && wanted.state === 'running') {
    await untilAnswering(context, node, wanted.generation, signal)
    return wasThawed
  }
  if (settings.site.lab === null) assertPortsFree(layout, node, paths.nodeDirectory(node.name))
  const wish = await writeWanted(paths.wantedFile(node.name), 'running', settings.owner)
  await untilAnswering(context, node, wish.generation, signal)
  return true
}

/** Asks the agent to stop its node, waits, and kills what is left. @returns false when nothing ran */
export async function stopNode(context: NodeContext, node: NodeLayout): Promise<boolean> {
  const { settings, paths } = context
  const directory = paths.nodeDirectory(node.name)
  await writeWanted(paths.wantedFile(node.name), 'stopped', settings.owner)
  const running = processesOf(paths, node)
  if (running.length === 0) return false
  thawAll(directory)
  const agent = agentAmong(running)
  if (agent !== null) {
    signalProcess(agent.pid, 'SIGTERM')
    if (await untilGone(directory, stopMs)) return true
  }
  await killAll(directory)
  return true
}

/** SIGKILL to everything of the node. @returns how many processes were hit */
export async function killNode(context: NodeContext, node: NodeLayout): Promise<number> {
  const { settings, paths } = context
  await writeWanted(paths.wantedFile(node.name), 'stopped', settings.owner)
  return killAll(paths.nodeDirectory(node.name))
}

/** Waits until the agent answers as this node of this cluster. */
export async function untilAnswering(
  context: NodeContext,
  node: NodeLayout,
  generation: number,
  signal?: AbortSignal,
): Promise<void> {
  const { settings, paths, client } = context
  const { clock } = settings
  const deadlineMs = clock.monotonicMs() + answerMs
  let lastSilence = 'it was not asked yet'
  while (clock.monotonicMs() < deadlineMs) {
    signal?.throwIfAborted()
    const silence = await silenceOf(client, node)
    if (silence === null) return
    lastSilence = silence
    const record = await readAgentRecord(paths.agentFile(node.name))
    if (record?.generation === generation && record.state === 'failed') {
      throw agentFailed(paths, node, record.detail)
    }
    await clock.sleep(pollMs, signal)
  }
  const record = await readAgentRecord(paths.agentFile(node.name))
  throw new PgherdError({
    code: 'PGHERD_AGENT_SILENT',
    reason: 'timeout',
    message: `the agent of ${node.name} does not answer after ${String(answerMs / 1000)} s`,
    because: record?.detail ?? lastSilence,
    hint: `see its log: pgherd logs ${node.name}; the supervisor goes on trying`,
  })
}

/** Null when the agent answers; otherwise in which way it does not. */
async function silenceOf(client: StatusClient, node: NodeLayout): Promise<string | null> {
  try {
    const status = await client.status(node, askMs)
    return status.node === node.name ? null : `${status.node} answers at its address`
  } catch (error) {
    if (!(error instanceof AgentSilentError)) throw error
    return error.message
  }
}

function agentFailed(paths: ClusterPaths, node: NodeLayout, detail: string | null): PgherdError {
  return new PgherdError({
    code: 'PGHERD_AGENT_FAILED',
    reason: 'system',
    message: `the agent of ${node.name} cannot run`,
    ...(detail === null ? {} : { because: detail }),
    hint: `read ${paths.agentOutput(node.name)}, correct the cause, then: pgherd node start ${node.name}`,
  })
}
