// pgherd url: the connection string for applications.

import type { Command } from '../command.ts'
import { addressOf, connectionString } from '../connection.ts'
import { openCluster, printJson } from '../context.ts'
import { namedNodeOrPrimary } from '../named-node.ts'

export const urlCommand: Command = {
  name: 'url',
  group: 'Connect',
  summary: 'print the connection string for applications',
  description: [
    'The address stays the same through failovers and switchovers. The password is masked unless it is ' +
      'asked for; it also stands in the pass file, which libpq reads through PGPASSFILE.',
  ],
  arguments: [],
  options: [
    { flags: '--read', description: 'the endpoint for reads, spread over the standbys' },
    {
      flags: '--node <name>',
      description: 'one node itself, past the balancer; `primary` for the one that is primary now',
      completes: 'data-node-or-primary',
    },
    { flags: '--show-secret', description: 'with the password' },
  ],
  examples: [
    { line: 'pgherd url', note: 'for writes, password masked' },
    { line: 'export DATABASE_URL=$(pgherd url --show-secret)', note: 'for an application' },
  ],
  exits: ['configuration', 'system', 'noPrimary'],
  run: async (context, input) => {
    const cluster = await openCluster(context)
    const { application, layout } = cluster
    const password = input.isSet('show-secret') ? await application.readPassword() : null
    const urlOf = (target: Parameters<typeof addressOf>[1]) =>
      connectionString(addressOf(layout, target), application, password)
    const named = input.text('node')
    const node = named === null ? null : await namedNodeOrPrimary(cluster, named)
    if (!context.isJson) {
      const endpoint = input.isSet('read') ? 'read' : 'write'
      context.terminal.print(urlOf(node === null ? endpoint : { node }))
      return 'done'
    }
    printJson(context, {
      version: 1,
      cluster: layout.cluster,
      ...(node === null
        ? { write: urlOf('write'), read: urlOf('read') }
        : { node: urlOf({ node }) }),
      passFile: application.passFile,
      isMasked: password === null,
    })
    return 'done'
  },
}
