// pgherd down: everything ends cleanly, data stays.

import type { Command } from '../command.ts'
import { openCluster, printJson } from '../context.ts'
import { tellNext } from '../next-line.ts'
import { renderDuration } from '../render-quantity.ts'
import { showSteps } from '../step-list.ts'

export const downCommand: Command = {
  name: 'down',
  group: 'Cluster',
  summary: 'stop every node cleanly; data stays',
  description: [
    'Ends all processes of the cluster: PostgreSQL with a checkpoint, then the store. Nothing is ' +
      'removed; `pgherd up` brings it back.',
  ],
  arguments: [],
  options: [],
  examples: [{ line: 'pgherd down', note: 'before the machine is switched off' }],
  exits: ['configuration', 'system', 'timeout'],
  run: async (context) => {
    const { clock } = context.services
    const { terminal } = context
    const cluster = await openCluster(context)
    const startedAtMs = clock.monotonicMs()
    const display = showSteps(terminal, () => clock.monotonicMs())
    let wasRunning: boolean
    try {
      wasRunning = await cluster.down((step) => display.update(step))
    } finally {
      display.finish()
    }
    const tookMs = Math.round(clock.monotonicMs() - startedAtMs)
    const { cluster: name } = cluster.layout
    if (context.isJson) {
      printJson(context, { version: 1, cluster: name, isChanged: wasRunning, tookMs })
      return 'done'
    }
    const { messageStyle: style } = terminal
    terminal.tell(
      wasRunning
        ? `${style.good(style.symbols.done)} Cluster ${name} is down after ${renderDuration(tookMs)}; ` +
            `its data is in ${cluster.directory}.`
        : `${style.good(style.symbols.done)} Nothing to change: no process of cluster ${name} runs.`,
    )
    tellNext(terminal, 'pgherd up', `pgherd destroy --cluster ${name}`)
    return 'done'
  },
}
