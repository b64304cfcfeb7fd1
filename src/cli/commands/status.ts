// pgherd status: the cluster in one screen, as JSON, or as a screen that lives.

import type { Verdict } from '../../core/cluster-status.ts'
import type { ExitReason } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { openCluster, printJson } from '../context.ts'
import { observeCluster } from '../observe-cluster.ts'
import { renderStatus } from '../render-status.ts'
import { watchCluster } from '../watch-cluster.ts'

/** How `status` and its kin tell the verdict to scripts. */
export const exitOf: Readonly<Record<Verdict, ExitReason>> = {
  healthy: 'done',
  degraded: 'degraded',
  'no-primary': 'noPrimary',
  unreachable: 'unreachable',
}

export const statusCommand: Command = {
  name: 'status',
  group: 'Look',
  summary: 'show the cluster in one screen',
  description: [
    'The first line is the verdict and what it rests on. Every agent is asked at the same time and has ' +
      'one second to answer, so dead and hanging nodes do not hold it up, and it works while the store ' +
      'is down.',
    'A node counts as primary only when it holds the lease; one that claims more is marked. The exit ' +
      'code tells the verdict to scripts.',
  ],
  arguments: [],
  options: [
    {
      flags: '-w, --watch',
      description: 'keep the screen up to date, with events; with --json one document per line',
    },
  ],
  examples: [
    { line: 'pgherd status', note: 'the table' },
    { line: 'pgherd status --json | jq -r .lease.holder', note: 'the primary, for a script' },
    { line: 'pgherd status --watch', note: 'keys: q quit, p pause, s switchover, ? help' },
  ],
  exits: ['degraded', 'noPrimary', 'unreachable', 'configuration'],
  run: async (context, input) => {
    const cluster = await openCluster(context)
    const client = cluster.connect()
    if (input.isSet('watch')) return watchCluster(context, cluster, client)
    const { status } = await observeCluster(cluster, client)
    if (context.isJson) printJson(context, status)
    else
      context.terminal.print(
        ...renderStatus(status, context.terminal.width, context.terminal.style),
      )
    return exitOf[status.verdict]
  },
}
