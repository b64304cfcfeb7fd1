// pgherd agent: what every runtime starts, one per node, in the foreground.

import { namedNode } from '../named-node.ts'
import { loadSpec } from '../../config/load.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { Command } from '../command.ts'

export const agentCommand: Command = {
  name: 'agent',
  group: 'More',
  summary: 'run the agent of one node in the foreground',
  description: [
    'What `pgherd up`, systemd and containers start, one per node. It starts and watches PostgreSQL, the ' +
      'store or the balancer of its node. SIGTERM stops the node cleanly; a primary hands over first.',
  ],
  arguments: [],
  options: [
    { flags: '--node <name>', description: 'which node of the spec this is', completes: 'node' },
    { flags: '--data-dir <dir>', description: 'where the node keeps its files', completes: 'file' },
    { flags: '--socket-dir <dir>', description: 'where its sockets are made', completes: 'file' },
  ],
  examples: [
    {
      line: 'pgherd agent --spec /etc/pgherd/cluster.yaml --node pg-0 --data-dir /var/lib/pgherd',
      note: 'on the host of pg-0; nodes may be started in any order',
    },
  ],
  exits: ['configuration', 'postgres', 'store', 'system', 'localState', 'removed'],
  run: async (context, input) => {
    const { specFile } = context.selection
    const node = input.text('node')
    if (specFile === null || node === null) {
      throw new PgherdError({
        code: 'PGHERD_USAGE',
        reason: 'usage',
        message: 'an agent needs --spec FILE and --node NAME',
        hint: 'see pgherd help agent; for a whole cluster on this machine: pgherd up',
      })
    }
    const { layout } = await loadSpec(specFile)
    await context.services.runAgent(
      {
        specFile,
        node: namedNode(layout, node),
        dataDirectory: input.text('data-dir'),
        socketDirectory: input.text('socket-dir'),
      },
      context.signal,
    )
    return 'done'
  },
}
