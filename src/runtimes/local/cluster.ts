// One cluster of local processes: the verbs of RuntimeCluster.

import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import path from 'node:path'
import type { LoadedSpec } from '../../config/load.ts'
import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import { nodeIn } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import { messageOf } from '../../lib/errors.ts'
import { createLab } from '../lab/lab.ts'
import type { LabNetwork } from '../lab/hosts.ts'
import { removeNetwork } from '../lab/network.ts'
import { assertPower, hostsSeenWithoutPower } from '../lab/power.ts'
import type { Lab, NodeProcesses, RuntimeCluster, StepListener } from '../runtime.ts'
import { lockCluster } from './command-lock.ts'
import { killNode, processesOf, startNode, stopNode } from './node-control.ts'
import type { NodeContext } from './node-control.ts'
import type { ClusterPaths } from './paths.ts'
import { agentAmong } from './node-processes.ts'
import type { ProcessInfo } from '../../host/process-info.ts'
import type { LocalSettings } from './settings.ts'
import { freezeAll, killAll, quitServers, thawAll } from './signal-node.ts'
import { enterClient } from './site.ts'
import { readAgentRecord, readWanted, writeWanted } from './state-files.ts'
import { endSupervisor, ensureSupervisor, findSupervisor } from './supervision.ts'
import { signalProcess } from '../../host/process-table.ts'
import { removeRecordedMemory, sharedMemoryRecordName } from '../../host/shared-memory.ts'

const lockWaitMs = 10_000
const roleDeadlineMs = 500

/**
 * @param loaded the effective spec
 * @param apiSecret signs calls to the agents
 */
export function createLocalCluster(
  settings: LocalSettings,
  paths: ClusterPaths,
  loaded: LoadedSpec,
  apiSecret: string,
): RuntimeCluster {
  const { layout, spec } = loaded
  const context: NodeContext = { settings, paths, client: settings.connect(apiSecret) }
  const nodeOf = (name: NodeName) => nodeIn(layout, name)
  const names = layout.nodes.map((node) => node.name)
  return {
    layout,
    directory: paths.directory,
    specFile: paths.specFile,
    connect: () => settings.connect(apiSecret),
    application: {
      database: spec.postgres.database,
      user: spec.postgres.user,
      passFile: paths.passFile,
      readPassword: async () =>
        (await readFile(path.join(paths.secrets, 'app.password'), 'utf8')).trim(),
    },
    clientWords: () => enterClient(settings.site),
    lab: settings.site.lab === null ? null : labOf(context, settings.site.lab, layout),
    processes: async () => {
      const isSupervised = (await findSupervisor(paths)) !== null
      const nodes = await Promise.all(
        layout.nodes.map((node) => describeNode(paths, node, isSupervised)),
      )
      const { lab } = settings.site
      // Whoever pulls the plug of a host stops its nodes, so usually there is nothing to ask.
      const isAnyStopped = nodes.some(({ state }) => state === 'stopped')
      const dark = lab !== null && isAnyStopped ? await hostsSeenWithoutPower(lab) : []
      return nodes.map((each) => ({
        ...each,
        hostWithoutPower: dark.find(({ nodes: some }) => some.includes(each.node))?.name ?? null,
      }))
    },
    isSupervised: async () => (await findSupervisor(paths)) !== null,
    logFiles: (node) => logFilesOf(paths, node === null ? names : [node], node === null),
    startNode: async (node) => {
      if (settings.site.lab !== null) await assertPower(settings.site.lab, node)
      await ensureSupervisor(settings, paths, layout.cluster, names)
      return startNode(context, layout, nodeOf(node))
    },
    stopNode: (node) => stopNode(context, nodeOf(node)),
    killNode: (node) => killNode(context, nodeOf(node)),
    freezeNode: async (node, scope) => {
      if (scope === 'node') return freezeAll(paths.nodeDirectory(node))
      const agent = agentAmong(processesOf(paths, nodeOf(node)))
      if (agent === null || agent.isFrozen) return 0
      signalProcess(agent.pid, 'SIGSTOP')
      return 1
    },
    thawNode: async (node) => thawAll(paths.nodeDirectory(node)),
    down: (onStep) => down(context, loaded, onStep),
    destroy: (onStep) => destroy(context, loaded, onStep),
  }
}

function labOf(context: NodeContext, network: LabNetwork, layout: ClusterLayout): Lab {
  const { settings, paths } = context
  const names = layout.nodes.map((node) => node.name)
  return createLab(network, paths.state, {
    cutOff: (node) => killNode(context, nodeIn(layout, node)),
    start: async (node) => {
      await ensureSupervisor(settings, paths, layout.cluster, names)
      return startNode(context, layout, nodeIn(layout, node))
    },
  })
}

async function describeNode(
  paths: ClusterPaths,
  node: NodeLayout,
  isSupervised: boolean,
): Promise<Omit<NodeProcesses, 'hostWithoutPower'>> {
  const wanted = await readWanted(paths.wantedFile(node.name))
  const record = await readAgentRecord(paths.agentFile(node.name))
  const processes = processesOf(paths, node)
  const agent = agentAmong(processes)
  const state = stateOf(wanted.state, agent, record?.state === 'failed', isSupervised)
  const isTroubled = state === 'failed' || state === 'restarting'
  return {
    node: node.name,
    wanted: wanted.state,
    state,
    agentPid: agent?.pid ?? null,
    restartCount: record?.generation === wanted.generation ? record.restartCount : 0,
    detail: isTroubled ? (record?.detail ?? null) : unsupervised(wanted.state, state),
    processes: processes.map((each) => ({
      pid: each.pid,
      name: each.name,
      isAgent: each.pid === agent?.pid,
      isFrozen: each.isFrozen,
      residentBytes: each.residentBytes,
    })),
  }
}

function stateOf(
  wanted: NodeProcesses['wanted'],
  agent: ProcessInfo | null,
  hasFailed: boolean,
  isSupervised: boolean,
): NodeProcesses['state'] {
  if (agent !== null) return agent.isFrozen ? 'frozen' : 'running'
  if (wanted === 'stopped' || !isSupervised) return 'stopped'
  return hasFailed ? 'failed' : 'restarting'
}

function unsupervised(
  wanted: NodeProcesses['wanted'],
  state: NodeProcesses['state'],
): string | null {
  return wanted === 'running' && state === 'stopped' ? 'nothing starts it: run pgherd up' : null
}

async function logFilesOf(
  paths: ClusterPaths,
  nodes: readonly NodeName[],
  withSupervisor: boolean,
): Promise<readonly { readonly node: NodeName | null; readonly path: string }[]> {
  const inFolder = async (folder: string, node: NodeName | null) => {
    const names = await readdir(folder).catch(() => [])
    return names
      .filter((name) => /\.(log|jsonl)$/.test(name))
      .sort()
      .map((name) => ({ node, path: path.join(folder, name) }))
  }
  const ofNodes = await Promise.all(nodes.map((node) => inFolder(paths.nodeLogs(node), node)))
  const ofRuntime = withSupervisor ? await inFolder(paths.logs, null) : []
  return [...ofNodes.flat(), ...ofRuntime]
}

/**
 * In the order that needs no failover: the balancer, so that clients end first; standbys; the primary,
 * which then has nobody to hand over to; and last who only votes, because the primary gives its lease
 * back to the store.
 */
async function down(
  context: NodeContext,
  loaded: LoadedSpec,
  onStep: StepListener,
): Promise<boolean> {
  const { settings, paths } = context
  const lock = await lockCluster(paths.directory, 'down', lockWaitMs)
  try {
    const nodes = loaded.layout.nodes
    const holder = await findHolder(context, nodes)
    const groups = [
      nodes.filter((node) => node.role === 'balancer'),
      nodes.filter((node) => node.role === 'data' && node.name !== holder),
      nodes.filter((node) => node.role === 'data' && node.name === holder),
      nodes.filter((node) => node.role === 'witness'),
    ]
    let hasStopped = false
    for (const group of groups) {
      const results = await Promise.all(
        group.map((node) =>
          step(onStep, `stop:${node.name}`, node.name, async () => {
            const isChanged = await stopNode(context, node)
            return { isChanged, detail: isChanged ? 'stopped' : 'was stopped' }
          }),
        ),
      )
      hasStopped ||= results.some((isChanged) => isChanged)
    }
    const hadSupervisor = await endSupervisor(settings, paths)
    const hadNetwork = await disconnectHosts(settings, onStep)
    return hasStopped || hadSupervisor || hadNetwork
  } finally {
    await lock.release()
  }
}

/** The node that holds the lease, as the first agent that answers knows it. */
async function findHolder(
  { client }: NodeContext,
  nodes: readonly NodeLayout[],
): Promise<NodeName | null> {
  const answers = await Promise.allSettled(nodes.map((node) => client.status(node, roleDeadlineMs)))
  for (const answer of answers) {
    if (answer.status === 'fulfilled' && answer.value.lease !== null) {
      return answer.value.lease.holder
    }
  }
  return null
}

async function destroy(
  context: NodeContext,
  loaded: LoadedSpec,
  onStep: StepListener,
): Promise<void> {
  const { settings, paths } = context
  const lock = await lockCluster(paths.directory, 'destroy', lockWaitMs)
  try {
    const { nodes } = loaded.layout
    await mkdir(paths.state, { recursive: true })
    for (const node of nodes) {
      await writeWanted(paths.wantedFile(node.name), 'stopped', settings.owner)
    }
    await endSupervisor(settings, paths)
    await Promise.all(
      nodes.map((node) =>
        step(onStep, `stop:${node.name}`, node.name, async () => {
          const directory = paths.nodeDirectory(node.name)
          await quitServers(directory)
          const count = await killNode(context, node)
          // A node that was killed before could not remove it.
          await removeRecordedMemory(path.join(directory, sharedMemoryRecordName))
          return { isChanged: count > 0, detail: count > 0 ? 'ended' : 'was stopped' }
        }),
      ),
    )
    await disconnectHosts(settings, onStep)
    await step(onStep, 'remove', 'files', async () => {
      // Nothing may be left that writes there, whatever node it was of.
      await killAll(paths.directory)
      await rm(paths.run, { recursive: true, force: true })
      await rm(paths.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
      if (settings.isHomeOurs) await removeIfEmpty(settings.home)
      return { isChanged: true, detail: `${paths.directory} removed` }
    })
  } finally {
    await lock.release()
  }
}

/** Removes the network of a lab. @returns whether there was one */
async function disconnectHosts({ site }: LocalSettings, onStep: StepListener): Promise<boolean> {
  const { lab } = site
  if (lab === null) return false
  return step(onStep, 'network', 'network', async () => {
    const count = await removeNetwork(lab.prefix)
    return { isChanged: count > 0, detail: count > 0 ? 'removed' : 'was gone' }
  })
}

async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder)
  } catch {
    // Another cluster lives there.
  }
}

type Done = { readonly isChanged: boolean; readonly detail: string | null }

/** Runs one step and tells its listener how it went. @returns whether it changed something */
export async function step(
  onStep: StepListener,
  id: string,
  title: string,
  work: () => Promise<Done>,
): Promise<boolean> {
  onStep({ id, title, state: 'started', detail: null })
  try {
    const { isChanged, detail } = await work()
    onStep({ id, title, state: isChanged ? 'done' : 'unchanged', detail })
    return isChanged
  } catch (error) {
    onStep({ id, title, state: 'failed', detail: messageOf(error) })
    throw error
  }
}
