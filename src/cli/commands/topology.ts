// pgherd topology: who streams from whom.

import type { Command } from '../command.ts'
import { openCluster, printJson } from '../context.ts'
import { observeCluster } from '../observe-cluster.ts'
import { renderTopology } from '../render-topology.ts'
import { exitOf } from './status.ts'

export const topologyCommand: Command = {
  name: 'topology',
  group: 'Look',
  summary: 'show who streams from whom, with the lag on each edge',
  description: [
    'The primary with its standbys below it, cascading ones below their upstream. On each edge stands ' +
      'whether commits wait for the standby and how far it is behind. With --json the same document as ' +
      '`pgherd status`.',
  ],
  arguments: [],
  options: [],
  examples: [{ line: 'pgherd topology', note: 'the tree' }],
  exits: ['degraded', 'noPrimary', 'unreachable', 'configuration'],
  run: async (context) => {
    const cluster = await openCluster(context)
    const { status } = await observeCluster(cluster, cluster.connect())
    if (context.isJson) printJson(context, status)
    else context.terminal.print(...renderTopology(status, context.terminal.style))
    return exitOf[status.verdict]
  },
}
