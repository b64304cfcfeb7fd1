// `pgherd __complete`: what shells call at each Tab. It must be quick and never complain.

import type { Completion } from './command.ts'
import { type Candidate, completeWords, fileDirective, renderCandidates } from './complete.ts'
import { type CommandContext, openCluster } from './context.ts'
import { errorCatalogue } from './error-catalogue.ts'
import { explainSettings } from '../config/explain.ts'
import { loadSpec } from '../config/load.ts'
import { type ClusterLayout, dataNodesOf } from '../core/cluster-layout.ts'
import type { NodeRole } from '../core/names.ts'
import { vipWord } from './named-host.ts'
import { primaryIn, primaryWord } from './named-node.ts'
import { gatherEvents, observeCluster } from './observe-cluster.ts'

const primaryCandidate: Candidate = {
  value: primaryWord,
  description: 'the node that is primary now',
}

/** Somebody waits with a finger on the key. */
const deadlineMs = 300

/** @param words after `__complete` */
export async function runComplete(
  context: CommandContext,
  words: readonly string[],
): Promise<void> {
  const found = completeWords(context.commands, words)
  if (found.kind === 'values' && found.completes === 'file') {
    context.terminal.print(fileDirective)
    return
  }
  const current = words.at(-1) ?? ''
  const candidates =
    found.kind === 'words' ? found.candidates : await valuesOf(context, found.completes, words)
  context.terminal.print(
    ...renderCandidates(candidates.filter(({ value }) => value.startsWith(current))),
  )
}

/** Of the cluster, or of the spec file that was named: not every one has a cluster yet. */
async function layoutOf(context: CommandContext): Promise<ClusterLayout> {
  const { specFile } = context.selection
  return specFile === null ? (await openCluster(context)).layout : (await loadSpec(specFile)).layout
}

async function nodesOf(context: CommandContext, ofRole?: NodeRole): Promise<readonly Candidate[]> {
  const { nodes } = await layoutOf(context)
  return nodes
    .filter(({ role }) => ofRole === undefined || role === ofRole)
    .map(({ name, role }) => ({ value: name, description: role }))
}

/** Nodes that a switchover may go to. Whoever is primary now is left out, when that is known in time. */
async function candidatesOf(context: CommandContext): Promise<readonly Candidate[]> {
  const cluster = await openCluster(context)
  const { status } = await observeCluster(cluster, cluster.connect(), deadlineMs)
  const primary = primaryIn(status)
  return dataNodesOf(cluster.layout)
    .filter(({ name, noFailover }) => !noFailover && name !== primary)
    .map(({ name, role }) => ({ value: name, description: role }))
}

/** Hosts, not nodes: two nodes of one host share its cable and its power. */
async function hostsOf(context: CommandContext): Promise<readonly Candidate[]> {
  const { lab, layout } = await openCluster(context)
  if (lab === null) return []
  const vip = { value: vipWord, description: 'the host that has the shared address now' }
  return [
    ...lab.hostNames.map((value) => ({ value, description: 'host' })),
    { value: primaryWord, description: 'the host of the node that is primary now' },
    ...(layout.vip === null ? [] : [vip]),
  ]
}

/**
 * Candidates for the last word of a list with commas; each is the whole list as it would then be. Whoever
 * stands in it, or before it, is left out: there is no cable between a host and itself.
 */
function asList(candidates: readonly Candidate[], words: readonly string[]): readonly Candidate[] {
  const current = words.at(-1) ?? ''
  const before = current.slice(0, current.lastIndexOf(',') + 1)
  const named = [...words.slice(0, -1), ...before.split(',')]
  return candidates
    .filter(({ value }) => !named.includes(value))
    .map((one) => ({ ...one, value: before + one.value }))
}

async function valuesOf(
  context: CommandContext,
  completes: Completion,
  words: readonly string[],
): Promise<readonly Candidate[]> {
  switch (completes) {
    case 'cluster': {
      const clusters = await context.services.runtime.clusters()
      return clusters.map((one) => ({ value: one.name, description: one.directory }))
    }
    case 'node':
      return nodesOf(context)
    case 'node-or-primary':
      return [...(await nodesOf(context)), primaryCandidate]
    case 'data-node-or-primary':
      return [...(await nodesOf(context, 'data')), primaryCandidate]
    case 'candidate':
      return candidatesOf(context)
    case 'balancer':
      return nodesOf(context, 'balancer')
    case 'lab-host':
      return hostsOf(context)
    case 'lab-hosts':
      return asList(await hostsOf(context), words)
    case 'event': {
      const cluster = await openCluster(context)
      const events = (await gatherEvents(cluster, cluster.connect(), deadlineMs)) ?? []
      return events
        .slice(-30)
        .map((event) => ({ value: event.id, description: event.message }))
        .reverse()
    }
    case 'code':
      return [
        ...context.commands.map((command) => ({
          value: command.name,
          description: command.summary,
        })),
        ...errorCatalogue.map((help) => ({ value: help.code, description: help.meaning })),
      ].filter(({ value }) => !value.includes(' '))
    case 'setting':
      return explainSettings().map((one) => ({ value: one.path, description: one.description }))
    case 'file':
      return []
    default:
      return completes.map((value) => ({ value, description: '' }))
  }
}
