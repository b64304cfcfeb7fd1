// pgherd destroy: the end of a cluster and all its data. Wants the name typed; never a bare yes.

import { PgherdError } from '../../lib/errors.ts'
import type { RuntimeCluster } from '../../runtimes/runtime.ts'
import { askForWord } from '../ask.ts'
import type { Command } from '../command.ts'
import { type CommandContext, openCluster, printJson } from '../context.ts'
import { folderBytes } from '../folder-size.ts'
import { tellNext } from '../next-line.ts'
import { renderBytes, renderDuration } from '../render-quantity.ts'
import { wrapIndented } from '../render-table.ts'
import { showSteps } from '../step-list.ts'

export const destroyCommand: Command = {
  name: 'destroy',
  group: 'Cluster',
  summary: 'stop the cluster and remove all its data (asks)',
  description: [
    'Ends every process and removes every file of the cluster: databases, WAL, passwords, logs. There is ' +
      'no way back but a backup. It says what will be lost and wants the name of the cluster typed.',
  ],
  arguments: [],
  options: [{ flags: '-y, --yes', description: 'do not ask; needs --cluster NAME as well' }],
  examples: [
    { line: 'pgherd destroy', note: 'asks' },
    { line: 'pgherd destroy --yes --cluster main', note: 'in a script' },
  ],
  exits: ['configuration', 'system', 'timeout'],
  run: async (context, input) => {
    const { terminal } = context
    const { clock } = context.services
    const isSure = input.isSet('yes')
    if (isSure && context.selection.cluster === null) throw nameNeeded()
    const cluster = await openCluster(context)
    const { cluster: name } = cluster.layout
    const loss = await describeLoss(cluster)
    if (!isSure) {
      const { messageStyle: style } = terminal
      const lines = loss.flatMap((line) => wrapIndented(line, terminal.messageWidth, '  '))
      terminal.tell(style.bad(style.bold(`This destroys cluster ${name}:`)), ...lines, '')
      const isRight = await confirmed(context, name)
      if (!isRight) throw notConfirmed(name)
    }
    const startedAtMs = clock.monotonicMs()
    const display = showSteps(terminal, () => clock.monotonicMs())
    try {
      await cluster.destroy((step) => display.update(step))
    } finally {
      display.finish()
    }
    const tookMs = Math.round(clock.monotonicMs() - startedAtMs)
    if (context.isJson) {
      printJson(context, { version: 1, cluster: name, directory: cluster.directory, tookMs })
      return 'done'
    }
    const { messageStyle: style } = terminal
    terminal.tell(
      `${style.good(style.symbols.done)} Cluster ${name} is gone after ${renderDuration(tookMs)}: ` +
        `${cluster.directory} is removed.`,
    )
    tellNext(terminal, 'pgherd up')
    return 'done'
  },
}

async function confirmed(context: CommandContext, name: string): Promise<boolean> {
  return askForWord(
    context,
    `Type the name of the cluster (${name}) to destroy it`,
    name,
    `--yes --cluster ${name}`,
  )
}

/** What a person would want to know before. */
async function describeLoss(cluster: RuntimeCluster): Promise<readonly string[]> {
  const { layout, directory } = cluster
  const dataNodes = layout.nodes.filter((node) => node.role === 'data').map((node) => node.name)
  const [bytes, processes] = await Promise.all([folderBytes(directory), cluster.processes()])
  const running = processes.filter((one) => one.processes.length > 0).map((one) => one.node)
  return [
    `${directory} (${renderBytes(bytes)}): databases and WAL of ${dataNodes.join(', ')}, ` +
      'passwords, logs, events',
    running.length === 0
      ? 'none of its nodes runs'
      : `running now: ${running.join(', ')}; clients are cut off`,
    'There is no way back but a backup.',
  ]
}

function nameNeeded(): PgherdError {
  return new PgherdError({
    code: 'PGHERD_CONFIRMATION_NEEDED',
    reason: 'usage',
    message: 'destroy --yes needs the name of the cluster',
    because: 'a bare yes has destroyed the wrong cluster before',
    hint: 'say which one: pgherd destroy --yes --cluster NAME',
  })
}

function notConfirmed(name: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_NOT_CONFIRMED',
    reason: 'usage',
    message: `cluster ${name} was not destroyed`,
    because: 'its name was not typed',
    hint: `nothing was changed; to destroy it, type ${name} when asked`,
  })
}
