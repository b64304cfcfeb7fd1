// pgherd clusters: what has state on this machine.

import type { Command } from '../command.ts'
import { printJson } from '../context.ts'
import { renderTable } from '../render-table.ts'

export const clustersCommand: Command = {
  name: 'clusters',
  group: 'Look',
  summary: 'list the clusters that have state on this machine',
  description: ['Where there is more than one, the other commands want --cluster NAME.'],
  arguments: [],
  options: [],
  examples: [{ line: 'pgherd clusters', note: 'names, nodes and folders' }],
  exits: ['system'],
  run: async (context) => {
    const { terminal } = context
    const clusters = await context.services.runtime.clusters()
    if (context.isJson) {
      printJson(context, {
        version: 1,
        clusters: clusters.map(({ name, directory, isSupervised, layout }) => ({
          name,
          directory,
          isSupervised,
          nodes: layout?.nodes.map((node) => node.name) ?? null,
        })),
      })
      return 'done'
    }
    if (clusters.length === 0) {
      terminal.tell('There is no cluster on this machine yet. Make one with: pgherd up')
      return 'done'
    }
    const rows = clusters.map((one) => [
      terminal.style.bold(one.name),
      one.isSupervised ? 'up' : 'down',
      one.layout?.nodes.map((node) => node.name).join(' ') ?? 'unreadable',
      one.directory,
    ])
    const columns = [
      { title: 'Name' },
      { title: 'State' },
      { title: 'Nodes' },
      { title: 'Folder', dropOrder: 1 },
    ]
    terminal.print(...renderTable(columns, rows, terminal.width, terminal.style))
    return 'done'
  },
}
