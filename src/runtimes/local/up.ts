// `up` on this machine: whatever is there (nothing, a cluster that runs, one that is down, what a killed
// `up` has left) becomes a cluster that runs as the spec says.

import { readFile, rm } from 'node:fs/promises'
import { defaults } from '../../config/defaults.ts'
import { compareSpecs } from '../../config/compare.ts'
import { layoutOf } from '../../config/layout.ts'
import { loadSpec } from '../../config/load.ts'
import type { LoadedSpec } from '../../config/load.ts'
import { assignPorts, balancerPortSettings, isLoopback, withPorts } from '../../config/ports.ts'
import type { AssignedPorts } from '../../config/ports.ts'
import { renderSpec } from '../../config/render.ts'
import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import { readFileIfPresent, writeFileAtomic } from '../../host/files.ts'
import { signalProcess } from '../../host/process-table.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { StepListener, UpResult } from '../runtime.ts'
import { createLocalCluster, step } from './cluster.ts'
import { lockCluster } from './command-lock.ts'
import {
  assertRoom,
  ensureFolders,
  ensureProgram,
  ensureSecretFiles,
  explainDiskError,
} from './folders.ts'
import { connectHosts } from '../lab/kept-faults.ts'
import { assertEnoughPower, nodesWithoutPower, powerOnCommand } from '../lab/power.ts'
import { listeningPorts } from '../../host/listening-ports.ts'
import { listProcesses } from '../../host/process-info.ts'
import { assertPortsFree } from './port-check.ts'
import { processesOf, startNode, untilAnswering } from './node-control.ts'
import type { NodeContext } from './node-control.ts'
import type { ClusterPaths } from './paths.ts'
import { clusterPathsOf } from './paths.ts'
import { agentAmong, processesOfNode } from './node-processes.ts'
import type { LocalSettings } from './settings.ts'
import { readWanted } from './state-files.ts'
import { endSupervisor, ensureSupervisor } from './supervision.ts'

const lockWaitMs = 2000

/** What there is before `up` begins. */
type Found = { readonly paths: ClusterPaths; readonly running: LoadedSpec | null }

/** @param portsOfOthers ports that the other clusters of this home have, running or not */
export async function up(
  settings: LocalSettings,
  wanted: LoadedSpec,
  portsOfOthers: ReadonlySet<number>,
  onStep: StepListener,
  signal: AbortSignal,
): Promise<UpResult> {
  if (settings.site.lab === null) assertLocal(wanted)
  const { cluster } = wanted.layout
  const names = wanted.layout.nodes.map((node) => node.name)
  const paths = clusterPathsOf(settings.home, cluster, names)
  const lock = await lockCluster(paths.directory, 'up', lockWaitMs)
  try {
    const running = await readRunningSpec(paths)
    const withoutPower = await findWithoutPower(settings, wanted.layout)
    const wantedSpec = await withPrograms(settings, paths, running, wanted)
    const notes: string[] = [...wanted.warnings]
    let prepared: Prepared = { loaded: wanted, apiSecret: '', restart: null, wasCutShort: false }
    const isPrepared = await step(onStep, 'prepare', 'files', async () => {
      prepared = await prepare(settings, { paths, running }, wantedSpec, portsOfOthers, notes)
      const isNew = running === null
      return { isChanged: isNew, detail: isNew ? `made ${paths.directory}` : paths.directory }
    })
    signal.throwIfAborted()
    const isConnected = await connectNetwork(settings, paths, onStep)
    const { loaded, apiSecret } = prepared
    const context: NodeContext = { settings, paths, client: settings.connect(apiSecret) }
    await leaveWithoutPower(settings, withoutPower, onStep, notes)
    const nodes = loaded.layout.nodes.filter(({ name }) => !withoutPower.includes(name))
    const isRun = await runNodes(context, loaded.layout, nodes, prepared.restart, onStep, signal)
    await rm(paths.changeMark, { force: true })
    return {
      cluster: createLocalCluster(settings, paths, loaded, apiSecret),
      isChanged:
        isPrepared || isConnected || isRun || prepared.restart !== null || prepared.wasCutShort,
      notes,
      withoutPower,
    }
  } finally {
    await lock.release()
  }
}

type Prepared = {
  /** The effective spec. */
  readonly loaded: LoadedSpec
  readonly apiSecret: string
  /** Why agents that run must be started again; null when they need not. */
  readonly restart: string | null
  /** An earlier command had begun and did not finish. */
  readonly wasCutShort: boolean
}

async function prepare(
  settings: LocalSettings,
  { paths, running }: Found,
  wanted: LoadedSpec,
  portsOfOthers: ReadonlySet<number>,
  notes: string[],
): Promise<Prepared> {
  const names = wanted.layout.nodes.map((node) => node.name)
  const wasCutShort = (await readFileIfPresent(paths.changeMark).catch(() => null)) !== null
  // What is in the way of a new cluster is found before anything of it is made.
  const loaded =
    running === null
      ? choosePorts(settings, paths, wanted, portsOfOthers, notes)
      : keepChosen(running, wanted)
  if (running === null) await assertRoom(settings.home, wanted.layout)
  await ensureFolders(settings, paths, names)
  const change = running === null ? null : compareSpecs(running, loaded)
  if (change?.kind === 'fixed') throw fixedError(paths, change.differences)
  if (wasCutShort)
    notes.push('An earlier command did not finish; this one goes on where it stopped.')
  try {
    await writeFileAtomic(paths.changeMark, 'up\n', { mode: 0o644, owner: settings.owner })
    const { user } = loaded.spec.postgres
    if (settings.site.lab !== null) await writeFileAtomic(paths.labMark, 'lab\n', { mode: 0o644 })
    const apiSecret = await ensureSecretFiles(settings, paths, user, running === null)
    const program = await ensureProgram(settings, paths)
    if (change === null || change.kind === 'settings') await writeSpec(settings, paths, loaded)
    const restart =
      change?.kind === 'settings'
        ? `changed: ${change.paths.join(', ')}`
        : program === 'replaced'
          ? 'another version of pgherd'
          : null
    if (restart !== null) notes.push(`The agents are started again (${restart}).`)
    return { loaded, apiSecret, restart, wasCutShort }
  } catch (error) {
    throw explainDiskError(error, paths.directory)
  }
}

/** Makes what is missing of a lab's network. @returns whether anything was */
async function connectNetwork(
  { site }: LocalSettings,
  paths: ClusterPaths,
  onStep: StepListener,
): Promise<boolean> {
  const { lab } = site
  if (lab === null) return false
  return step(onStep, 'network', 'network', async () => {
    const isChanged = await connectHosts(lab, paths.state)
    const count = `${String(lab.hosts.length)} hosts on a switch of their own`
    return { isChanged, detail: count }
  })
}

/** Before anything is changed. @throws PgherdError PGHERD_LAB_POWER when too few hosts have power */
async function findWithoutPower(
  { site }: LocalSettings,
  layout: ClusterLayout,
): Promise<readonly NodeName[]> {
  const { lab } = site
  if (lab === null) return []
  const names = await nodesWithoutPower(lab)
  assertEnoughPower(lab, layout, names)
  return names
}

/** What is turned off stays off; where that is, and what ends it, is said. */
async function leaveWithoutPower(
  { site }: LocalSettings,
  names: readonly NodeName[],
  onStep: StepListener,
  notes: string[],
): Promise<void> {
  const { lab } = site
  if (lab === null) return
  for (const name of names) {
    const detail = `left alone, its host has no power: ${powerOnCommand(lab, name)}`
    await step(onStep, `start:${name}`, name, async () => ({ isChanged: false, detail }))
    notes.push(`${name} is ${detail}`)
  }
}

async function writeSpec(
  settings: LocalSettings,
  paths: ClusterPaths,
  loaded: LoadedSpec,
): Promise<void> {
  const comment = [
    'The effective spec of this cluster, written by `pgherd up`.',
    'To change the cluster, edit your own spec file and run: pgherd up --spec FILE',
  ]
  const text = renderSpec(loaded, comment)
  await writeFileAtomic(paths.specFile, text, { mode: 0o644, owner: settings.owner })
}

/** The effective spec of a cluster that is there; null when there is none yet. */
async function readRunningSpec(paths: ClusterPaths): Promise<LoadedSpec | null> {
  try {
    await readFile(paths.specFile)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw explainDiskError(error, paths.directory)
  }
  return loadSpec(paths.specFile)
}

/**
 * Ports for a new cluster. Those that the spec names, by themselves or by naming where they begin, must
 * be free; others are chosen among the free ones.
 */
function choosePorts(
  { site }: LocalSettings,
  paths: ClusterPaths,
  wanted: LoadedSpec,
  portsOfOthers: ReadonlySet<number>,
  notes: string[],
): LoadedSpec {
  // Hosts of their own are as empty as they were made.
  if (site.lab !== null) return withAssigned(wanted, assignPorts(wanted.spec))
  const listening = listeningPorts()
  const usual = assignPorts(wanted.spec)
  const isNamed = wanted.spec.basePort !== defaults.basePort
  const chosen = assignPorts(
    wanted.spec,
    (_machine, port) => !isNamed && (listening.has(port) || portsOfOthers.has(port)),
  )
  const effective = withAssigned(wanted, chosen)
  for (const node of effective.layout.nodes) {
    assertPortsFree(effective.layout, node, paths.nodeDirectory(node.name))
  }
  if (JSON.stringify(usual.endpoints) !== JSON.stringify(chosen.endpoints)) {
    notes.push('The usual ports are taken, so others were chosen.')
  }
  return effective
}

/**
 * Checks the programs when something has to be started. A new cluster is bound to PostgreSQL's major
 * version: a newer one that is installed later must not be started on its data.
 */
async function withPrograms(
  settings: LocalSettings,
  paths: ClusterPaths,
  running: LoadedSpec | null,
  wanted: LoadedSpec,
): Promise<LoadedSpec> {
  const processes = listProcesses()
  const isComplete = wanted.layout.nodes.every(
    (node) => agentAmong(processesOfNode(processes, paths.nodeDirectory(node.name))) !== null,
  )
  if (running !== null && isComplete) return wanted
  const { postgresMajor } = await settings.checkPrograms(wanted)
  if (running !== null) return wanted
  const version = wanted.spec.postgres.version ?? postgresMajor
  return { ...wanted, spec: { ...wanted.spec, postgres: { ...wanted.spec.postgres, version } } }
}

/** Ports and version that the wanted spec does not name stay as they are. */
function keepChosen(running: LoadedSpec, wanted: LoadedSpec): LoadedSpec {
  const { nodes, endpoints } = running.layout
  const named = wanted.spec.nodes.map((node) => {
    const before = nodes.find((each) => each.name === node.name)
    if (before === undefined) return node
    const { postgresPort, apiPort, storeClientPort, storePeerPort } = before
    const known = { postgresPort, apiPort, storeClientPort, storePeerPort }
    const present = Object.fromEntries(Object.entries(known).filter(([, port]) => port !== null))
    return { ...present, ...node }
  })
  const kept = (kind: 'write' | 'read') => ({
    ...(endpoints[kind] === null ? {} : { port: endpoints[kind].port }),
    ...wanted.spec.endpoints[kind],
  })
  const hasBalancer = wanted.spec.nodes.some((node) => node.role === 'balancer')
  const version = wanted.spec.postgres.version ?? running.spec.postgres.version
  const spec = {
    ...wanted.spec,
    postgres: { ...wanted.spec.postgres, version },
    nodes: named,
    endpoints: hasBalancer ? { write: kept('write'), read: kept('read') } : wanted.spec.endpoints,
    balancer: { ...balancerPortSettings(running.layout.balancerPorts), ...wanted.spec.balancer },
  }
  return { ...wanted, spec, layout: layoutOf(spec) }
}

function withAssigned(wanted: LoadedSpec, ports: AssignedPorts): LoadedSpec {
  const spec = withPorts(wanted.spec, ports)
  return { ...wanted, spec, layout: layoutOf(spec) }
}

/**
 * Starts what does not run, all at once.
 * @param nodes those of the layout that are to run
 * @returns whether anything did not
 */
async function runNodes(
  context: NodeContext,
  layout: ClusterLayout,
  nodes: readonly NodeLayout[],
  restart: string | null,
  onStep: StepListener,
  signal: AbortSignal,
): Promise<boolean> {
  const { settings, paths } = context
  const names = layout.nodes.map((node) => node.name)
  if (restart !== null) await endSupervisor(settings, paths)
  const isStarted = await ensureSupervisor(settings, paths, layout.cluster, names)
  const ran = nodes.filter((node) => agentAmong(processesOf(paths, node)) !== null)
  const results = await Promise.allSettled(
    nodes.map((node) =>
      step(onStep, `start:${node.name}`, node.name, async () => {
        const isChanged = await startNode(context, layout, node, signal)
        return { isChanged, detail: isChanged ? 'agent answers' : 'runs already' }
      }),
    ),
  )
  const failure = results.find((result) => result.status === 'rejected')
  if (failure !== undefined) throw failure.reason
  if (restart !== null) {
    // One after another, so that a majority of the voters always runs.
    for (const node of ran) await restartAgent(context, node, onStep, signal)
  }
  return isStarted || results.some((result) => result.status === 'fulfilled' && result.value)
}

/**
 * Ends the agent alone, hard: PostgreSQL and its sessions go on under the guard, and the new agent takes
 * them over.
 */
async function restartAgent(
  context: NodeContext,
  node: NodeLayout,
  onStep: StepListener,
  signal: AbortSignal,
): Promise<void> {
  const { paths, settings } = context
  await step(onStep, `restart:${node.name}`, node.name, async () => {
    const before = agentAmong(processesOf(paths, node))
    if (before !== null) signalProcess(before.pid, 'SIGKILL')
    while (agentAmong(processesOf(paths, node))?.pid === before?.pid) {
      signal.throwIfAborted()
      await settings.clock.sleep(20, signal)
    }
    const { generation } = await readWanted(paths.wantedFile(node.name))
    await untilAnswering(context, node, generation, signal)
    return { isChanged: true, detail: 'agent started again' }
  })
}

function assertLocal({ layout, source }: LoadedSpec): void {
  const remote = layout.nodes.find((node) => !isLoopback(node.host))
  if (remote === undefined) return
  throw new PgherdError({
    code: 'PGHERD_NOT_LOCAL',
    reason: 'configuration',
    message: `${remote.name} of ${source} is at ${remote.host}, which is not this machine alone`,
    because: '`pgherd up` runs every node on this machine, on loopback addresses',
    hint: `leave the hosts out, or run on each host: pgherd agent --spec FILE --node NAME`,
  })
}

function fixedError(paths: ClusterPaths, differences: readonly string[]): PgherdError {
  return new PgherdError({
    code: 'PGHERD_SPEC_FIXED',
    reason: 'configuration',
    message: 'the cluster that is there cannot become what the spec says',
    because: differences.slice(0, 3).join('; '),
    hint: `compare with ${paths.specFile}; give the cluster another name, or destroy this one first`,
  })
}
