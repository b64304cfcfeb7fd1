// What is different between the spec that a cluster runs with and the one that is wanted now.

import type { ClusterLayout } from '../core/cluster-layout.ts'
import { defaults } from './defaults.ts'
import type { LoadedSpec } from './load.ts'
import { balancerPortSettings } from './ports.ts'
import type { ClusterSpec } from './schema.ts'

export type SpecChange =
  | { readonly kind: 'same' }
  /** Agents take these over when they are started again. `paths` are names of settings. */
  | { readonly kind: 'settings'; readonly paths: readonly string[] }
  /** A running cluster cannot take these over. Each is a phrase for people. */
  | { readonly kind: 'fixed'; readonly differences: readonly string[] }

/** Compares two specs of the same cluster, ports included. */
export function compareSpecs(running: LoadedSpec, wanted: LoadedSpec): SpecChange {
  const differences = [
    ...baseDifferences(running.spec, wanted.spec),
    ...nodeDifferences(running.layout, wanted.layout),
    ...endpointDifferences(running.layout, wanted.layout),
    ...bornDifferences(running.spec, wanted.spec),
  ]
  if (differences.length > 0) return { kind: 'fixed', differences }
  const paths = changedSettings(running, wanted)
  return paths.length === 0 ? { kind: 'same' } : { kind: 'settings', paths }
}

/** Where ports begin is a wish only when it is not the default. */
function baseDifferences(running: ClusterSpec, wanted: ClusterSpec): readonly string[] {
  const [before, after] = [running.basePort, wanted.basePort]
  if (after === defaults.basePort || after === before) return []
  return [`basePort ${String(before)} became ${String(after)}`]
}

const fixedOfNode = [
  'role',
  'host',
  'postgresPort',
  'apiPort',
  'storeClientPort',
  'storePeerPort',
  'isVoter',
] as const

function nodeDifferences(running: ClusterLayout, wanted: ClusterLayout): readonly string[] {
  const differences: string[] = []
  for (const node of running.nodes) {
    const other = wanted.nodes.find((each) => each.name === node.name)
    if (other === undefined) {
      differences.push(`node ${node.name} is missing`)
      continue
    }
    for (const key of fixedOfNode) {
      if (node[key] === other[key]) continue
      differences.push(`${node.name}: ${key} ${String(node[key])} became ${String(other[key])}`)
    }
  }
  for (const node of wanted.nodes) {
    if (running.nodes.some((each) => each.name === node.name)) continue
    differences.push(`node ${node.name} is new`)
  }
  return differences
}

function endpointDifferences(running: ClusterLayout, wanted: ClusterLayout): readonly string[] {
  return (['write', 'read'] as const).flatMap((kind) => {
    const [before, after] = [running.endpoints[kind], wanted.endpoints[kind]]
    const render = (each: typeof before) => (each === null ? 'none' : `${each.host}:${each.port}`)
    return render(before) === render(after)
      ? []
      : [`endpoints.${kind}: ${render(before)} became ${render(after)}`]
  })
}

/** What a database system is made with and keeps for life. */
const bornWith = ['database', 'user', 'locale', 'encoding', 'version'] as const

function bornDifferences(running: ClusterSpec, wanted: ClusterSpec): readonly string[] {
  return bornWith.flatMap((key) => {
    const [before, after] = [running.postgres[key], wanted.postgres[key]]
    return before === after ? [] : [`postgres.${key}: ${String(before)} became ${String(after)}`]
  })
}

function changedSettings(running: LoadedSpec, wanted: LoadedSpec): readonly string[] {
  const before = settingsOf(running)
  const after = settingsOf(wanted)
  return Object.keys(before).filter((path) => before[path] !== after[path])
}

/** In which order settings were written means nothing. */
function inOrder(settings: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Object.entries(settings).sort(([a], [b]) => a.localeCompare(b))
}

function settingsOf({ spec, layout }: LoadedSpec): Readonly<Record<string, string>> {
  const { parameters, allowFrom, binDir } = spec.postgres
  const values: Readonly<Record<string, unknown>> = {
    durability: spec.durability,
    syncStandbys: layout.syncStandbys,
    plan: spec.plan,
    'postgres.binDir': binDir,
    'postgres.allowFrom': allowFrom,
    'postgres.parameters': inOrder(parameters),
    wal: spec.wal,
    balancer: inOrder({ ...spec.balancer, ...balancerPortSettings(layout.balancerPorts) }),
    'nodes[].interface': layout.vip?.interfaces ?? null,
    'nodes[].noFailover': layout.nodes
      .map((node) => `${node.name} ${String(node.noFailover)}`)
      .sort(),
  }
  return Object.fromEntries(
    Object.entries(values).map(([path, value]) => [path, JSON.stringify(value)]),
  )
}
