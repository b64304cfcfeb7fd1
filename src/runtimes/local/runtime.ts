// The local runtime: every node is a set of processes on this machine, on loopback addresses.

import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { closest } from '../../config/closest.ts'
import { loadSpec } from '../../config/load.ts'
import { readSecrets } from '../../config/secrets.ts'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import { exists, isMissing } from '../../host/files.ts'
import { PgherdError } from '../../lib/errors.ts'
import { hasSecretsBeside, openHostsCluster } from '../hosts/cluster.ts'
import { createDialer } from '../lab/dialer.ts'
import { labSpecOf } from '../lab/lab-spec.ts'
import { assertRoot } from '../lab/network.ts'
import type { ClusterSummary, Runtime, RuntimeCluster, RuntimeKind } from '../runtime.ts'
import { createLocalCluster } from './cluster.ts'
import { explainDiskError } from './folders.ts'
import { portsOfNode } from './port-check.ts'
import { clusterPathsOf } from './paths.ts'
import type { ClusterPaths } from './paths.ts'
import type { LocalOptions, LocalSettings } from './settings.ts'
import { clientWords, labSite, siteOf } from './site.ts'
import type { Site } from './site.ts'
import { findSupervisor } from './supervision.ts'
import { up } from './up.ts'

/** The runtime over everything in `options.home`. Nothing is read or made before a verb is called. */
export function createLocalRuntime(options: LocalOptions): Runtime {
  return {
    clusters: () => listClusters(options.home),
    open: async (name) => openCluster(options, await chooseCluster(options.home, name)),
    openSpec: async (specFile) => {
      const loaded = await loadSpec(specFile)
      const name = loaded.layout.cluster
      const isHere = isClusterFolder(options.home, name)
      if (isHere || !hasSecretsBeside(specFile)) {
        return openCluster(options, await chooseCluster(options.home, name))
      }
      return openHostsCluster(specFile, loaded, (secret) => options.connect(secret, null))
    },
    up: async (wanted, kind, onStep, signal) => {
      const paths = pathsOf(options.home, wanted.layout)
      const isLab = await isLabWanted(paths, kind)
      const spec = isLab ? labSpecOf(wanted) : wanted
      if (isLab) assertRoot()
      const site = isLab ? labSite(paths.directory, spec.layout) : siteOf(paths, spec.layout)
      const others = (await listClusters(options.home)).filter(
        (each) => each.name !== spec.layout.cluster,
      )
      const ports = new Set(
        others.flatMap(({ layout }) => (layout === null ? [] : portsOfCluster(layout))),
      )
      return up(await settingsFor(options, site), spec, ports, onStep, signal)
    },
  }
}

function pathsOf(home: string, layout: ClusterLayout): ClusterPaths {
  const names = layout.nodes.map((node) => node.name)
  return clusterPathsOf(home, layout.cluster, names)
}

async function settingsFor(options: LocalOptions, site: Site): Promise<LocalSettings> {
  const { execPath, directory } = options.program
  const helper = path.join(directory, 'dialer.mjs')
  const dialer = site.lab === null ? null : createDialer(clientWords(site), execPath, helper)
  return {
    ...options,
    site,
    connect: (secret) => options.connect(secret, dialer),
    // Agents in a lab run as root, as on hosts, and step down for what must not.
    owner: site.lab === null ? await options.resolveOwner() : null,
  }
}

/** @throws PgherdError PGHERD_RUNTIME_FIXED when the cluster is there and runs otherwise */
async function isLabWanted(paths: ClusterPaths, kind: RuntimeKind | null): Promise<boolean> {
  const isLab = await exists(paths.labMark)
  if (kind === null || !(await exists(paths.specFile))) return kind === 'lab' || isLab
  if (isLab === (kind === 'lab')) return isLab
  throw new PgherdError({
    code: 'PGHERD_RUNTIME_FIXED',
    reason: 'configuration',
    message: `cluster ${path.basename(paths.directory)} is there already, in the runtime ${isLab ? 'lab' : 'local'}`,
    because: 'a cluster stays in the runtime that it was made in',
    hint: 'give the new one another name with --cluster, or remove the old one with: pgherd destroy',
  })
}

async function listClusters(home: string): Promise<readonly ClusterSummary[]> {
  let names: readonly string[]
  try {
    const entries = await readdir(home, { withFileTypes: true })
    names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
    names = names.filter((name) => isClusterFolder(home, name))
  } catch (error) {
    if (isMissing(error)) return []
    throw explainDiskError(error, home)
  }
  return Promise.all([...names].sort().map((name) => summarise(home, name)))
}

/** Other folders may lie beside those of clusters, when PGHERD_HOME is shared. */
function isClusterFolder(home: string, name: string): boolean {
  const paths = clusterPathsOf(home, name, [])
  return existsSync(paths.specFile) || existsSync(paths.state)
}

async function summarise(home: string, name: string): Promise<ClusterSummary> {
  const paths = clusterPathsOf(home, name, [])
  const layout = await loadSpec(paths.specFile).then(
    (loaded) => loaded.layout,
    () => null,
  )
  const isSupervised = (await findSupervisor(paths).catch(() => null)) !== null
  return { name, directory: paths.directory, layout, isSupervised }
}

function portsOfCluster(layout: ClusterLayout): readonly number[] {
  return layout.nodes.flatMap((node) => portsOfNode(layout, node))
}

async function chooseCluster(home: string, name: string | null): Promise<string> {
  const names = (await listClusters(home)).map((each) => each.name)
  if (name !== null) {
    if (names.includes(name)) return name
    throw unknownCluster(home, name, names)
  }
  // What an `up` has left that was killed before it wrote the spec is in nobody's way.
  const made = names.filter((each) => existsSync(clusterPathsOf(home, each, []).specFile))
  const [only, ...more] = made.length > 0 ? made : names
  if (only === undefined) throw noCluster(home)
  if (more.length > 0) throw ambiguous([only, ...more])
  return only
}

async function openCluster(options: LocalOptions, name: string): Promise<RuntimeCluster> {
  const { specFile } = clusterPathsOf(options.home, name, [])
  if (!existsSync(specFile)) throw incomplete(options.home, name)
  const loaded = await loadSpec(specFile)
  const paths = pathsOf(options.home, loaded.layout)
  const settings = await settingsFor(options, siteOf(paths, loaded.layout))
  const secrets = await readSecrets(paths.secrets)
  return createLocalCluster(settings, paths, loaded, secrets.api)
}

function incomplete(home: string, name: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_CLUSTER_INCOMPLETE',
    reason: 'localState',
    message: `cluster ${name} was never completely made`,
    because: 'a `pgherd up` was cut short before it had written the spec',
    hint: `finish it with: pgherd up --cluster ${name}; or remove ${clusterPathsOf(home, name, []).directory}, which holds no data`,
  })
}

function unknownCluster(home: string, name: string, names: readonly string[]): PgherdError {
  const meant = closest(name, names)
  const known = names.length === 0 ? 'there is none' : `there are: ${names.join(', ')}`
  return new PgherdError({
    code: 'PGHERD_CLUSTER_UNKNOWN',
    reason: 'configuration',
    message: `there is no cluster ${name} in ${home}`,
    because: meant === null ? known : `did you mean ${meant}?`,
    hint: `see what there is with: pgherd clusters; make one with: pgherd up --cluster ${name}`,
  })
}

function noCluster(home: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_CLUSTER_UNKNOWN',
    reason: 'configuration',
    message: 'there is no cluster on this machine yet',
    because: `${home} holds none`,
    hint: 'make one with: pgherd up',
  })
}

function ambiguous(names: readonly string[]): PgherdError {
  return new PgherdError({
    code: 'PGHERD_CLUSTER_AMBIGUOUS',
    reason: 'usage',
    message: `there are several clusters: ${names.join(', ')}`,
    hint: 'say which one with --cluster NAME',
  })
}
