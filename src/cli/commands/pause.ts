// pgherd pause and resume: automation off and on.

import type { AgentAddress, StatusClient } from '../../ports/status-client.ts'
import type { RequestAnswer } from '../../ports/agent-api.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { type CommandContext, openCluster, printJson } from '../context.ts'
import { tellNext } from '../next-line.ts'
import { requestOfCluster } from '../request.ts'

export const pauseCommand: Command = {
  name: 'pause',
  group: 'Change',
  summary: 'switch automation off: nobody is promoted by itself',
  description: [
    'For maintenance of the network or the hosts. The primary still stops when it loses its lease, so ' +
      'a paused cluster can be left without a primary, but never with two. Every screen shows it.',
  ],
  arguments: [],
  options: [{ flags: '--reason <text>', description: 'why, for whoever looks next (required)' }],
  examples: [
    { line: "pgherd pause --reason 'switch firmware'", note: 'before the network is touched' },
  ],
  exits: ['unreachable', 'store', 'refused', 'configuration'],
  run: async (context, input) => {
    const reason = input.text('reason')
    if (reason === null || reason.trim() === '') {
      throw new PgherdError({
        code: 'PGHERD_USAGE',
        reason: 'usage',
        message: 'pause needs a reason',
        because: 'whoever sees the banner at night wants to know',
        hint: "say it: pgherd pause --reason 'switch firmware'",
      })
    }
    await run(context, (client, agent, deadlineMs) =>
      client.requestPause(agent, reason, deadlineMs),
    )
    if (!context.isJson) tellNext(context.terminal, 'pgherd resume', 'pgherd status')
    return 'done'
  },
}

export const resumeCommand: Command = {
  name: 'resume',
  group: 'Change',
  summary: 'switch automation on again',
  description: ['Ends what `pgherd pause` began. From then on failures are handled again.'],
  arguments: [],
  options: [],
  examples: [{ line: 'pgherd resume', note: 'after the work on the network' }],
  exits: ['unreachable', 'store', 'refused', 'configuration'],
  run: async (context) => {
    await run(context, (client, agent, deadlineMs) => client.requestResume(agent, deadlineMs))
    if (!context.isJson) tellNext(context.terminal, 'pgherd status')
    return 'done'
  },
}

async function run(
  context: CommandContext,
  send: (client: StatusClient, agent: AgentAddress, deadlineMs: number) => Promise<RequestAnswer>,
): Promise<void> {
  const cluster = await openCluster(context)
  const client = cluster.connect()
  const accepted = await requestOfCluster(cluster, client, (agent, deadlineMs) =>
    send(client, agent, deadlineMs),
  )
  if (context.isJson) {
    printJson(context, { version: 1, cluster: cluster.layout.cluster, message: accepted.message })
    return
  }
  const { messageStyle: style } = context.terminal
  context.terminal.tell(`${style.good(style.symbols.done)} ${accepted.message}`)
}
