// `pgherd __complete`: what shells call at each Tab. It must be quick and never complain.

import type { Completion } from './command.ts'
import { type Candidate, completeWords, fileDirective, renderCandidates } from './complete.ts'
import { type CommandContext, openCluster } from './context.ts'
import { errorCatalogue } from './error-catalogue.ts'
import { explainSettings } from '../config/explain.ts'
import { primaryWord } from './named-node.ts'
import { gatherEvents } from './observe-cluster.ts'

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
  const candidates =
    found.kind === 'words' ? found.candidates : await valuesOf(context, found.completes)
  const current = words.at(-1) ?? ''
  context.terminal.print(
    ...renderCandidates(candidates.filter(({ value }) => value.startsWith(current))),
  )
}

async function nodesOf(context: CommandContext): Promise<readonly Candidate[]> {
  const { layout } = await openCluster(context)
  return layout.nodes.map((node) => ({ value: node.name, description: node.role }))
}

async function valuesOf(
  context: CommandContext,
  completes: Completion,
): Promise<readonly Candidate[]> {
  switch (completes) {
    case 'cluster': {
      const clusters = await context.services.runtime.clusters()
      return clusters.map((one) => ({ value: one.name, description: one.directory }))
    }
    case 'node':
      return nodesOf(context)
    case 'node-or-primary':
      return [
        ...(await nodesOf(context)),
        { value: primaryWord, description: 'the node that is primary now' },
      ]
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
