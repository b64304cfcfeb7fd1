// pgherd node stop|start|kill|freeze|thaw: what a person does to a machine, a container or a cable.

import type { NodeName } from '../../core/names.ts'
import type { ExitReason } from '../../lib/errors.ts'
import type { RuntimeCluster } from '../../runtimes/runtime.ts'
import type { Command, CommandInput, CommandOption } from '../command.ts'
import { openCluster } from '../context.ts'
import { type Deed, doDeed } from '../do-deed.ts'
import { namedNodeOrPrimary } from '../named-node.ts'

type Verb = {
  readonly verb: string
  readonly summary: string
  readonly description: readonly string[]
  readonly options?: readonly CommandOption[]
  readonly example: { readonly line: string; readonly note: string }
  readonly next: (node: NodeName) => readonly [string, string?]
  readonly act: (cluster: RuntimeCluster, node: NodeName, input: CommandInput) => Promise<Deed>
}

const exits: readonly ExitReason[] = ['noPrimary', 'configuration', 'system', 'timeout']

function nodeCommand(verb: Verb): Command {
  return {
    name: `node ${verb.verb}`,
    group: 'Node',
    summary: verb.summary,
    description: verb.description,
    arguments: [
      {
        name: 'node',
        description: 'name of the node, or `primary` for the one that is primary now',
        isRequired: true,
        completes: 'node-or-primary',
      },
    ],
    options: verb.options ?? [],
    examples: [verb.example],
    exits,
    run: async (context, input) => {
      const cluster = await openCluster(context)
      const node = await namedNodeOrPrimary(cluster, input.argument('node') ?? '')
      const subject = { cluster: cluster.layout.cluster, node }
      return doDeed(context, subject, () => verb.act(cluster, node, input), verb.next(node))
    },
  }
}

export const nodeStopCommand = nodeCommand({
  verb: 'stop',
  summary: 'stop a node cleanly; it stays stopped until `node start` or `up`',
  description: [
    'As `docker stop`: the agent is asked to end. A primary hands over first, when another node can ' +
      'take over, so that clients wait for a moment only.',
  ],
  example: { line: 'pgherd node stop pg-0', note: 'then watch a standby take over' },
  next: (node) => ['pgherd status', `pgherd node start ${node}`],
  act: async (cluster, node) => {
    const isChanged = await cluster.stopNode(node)
    return { isChanged, message: isChanged ? `${node} is stopped` : `${node} was stopped already` }
  },
})

export const nodeStartCommand = nodeCommand({
  verb: 'start',
  summary: 'start a stopped or killed node',
  description: [
    'Starts the agent and returns when it answers. PostgreSQL comes back as a standby of whoever is ' +
      'primary by then; what it has too much is cut off and kept aside.',
  ],
  example: { line: 'pgherd node start pg-0', note: 'the former primary returns as a standby' },
  next: (node) => ['pgherd status', `pgherd events --node ${node}`],
  act: async (cluster, node) => {
    const isChanged = await cluster.startNode(node)
    return { isChanged, message: isChanged ? `${node} is started` : `${node} ran already` }
  },
})

export const nodeKillCommand = nodeCommand({
  verb: 'kill',
  summary: 'kill every process of a node at once, as a power cut does',
  description: [
    'SIGKILL to the agent, PostgreSQL and the store of that node. It stays dead until `node start` or ' +
      '`up`. Acknowledged commits survive; that is what this command is for.',
  ],
  example: { line: 'pgherd node kill primary', note: 'the drill of a lost host' },
  next: (node) => ['pgherd events --follow', `pgherd node start ${node}`],
  act: async (cluster, node) => {
    const count = await cluster.killNode(node)
    return {
      isChanged: count > 0,
      message: count > 0 ? `${node} is dead: ${count} processes killed` : `${node} ran no process`,
    }
  },
})

export const nodeFreezeCommand = nodeCommand({
  verb: 'freeze',
  summary: 'freeze a node, as a paused or hanging machine does',
  description: [
    'SIGSTOP to every process of the node, or with --agent to its agent alone, which is the nastier ' +
      'case: PostgreSQL goes on, and the guard has to stop it in time.',
  ],
  options: [{ flags: '--agent', description: 'freeze the agent only' }],
  example: { line: 'pgherd node freeze pg-0 --agent', note: 'the drill of a hanging agent' },
  next: (node) => ['pgherd status', `pgherd node thaw ${node}`],
  act: async (cluster, node, input) => {
    const isAgentOnly = input.isSet('agent')
    const count = await cluster.freezeNode(node, isAgentOnly ? 'agent' : 'node')
    const what = isAgentOnly ? `the agent of ${node} is frozen` : `${node} is frozen`
    return {
      isChanged: count > 0,
      message:
        count > 0 ? `${what}: ${count} processes stopped` : `${node} runs no process to freeze`,
    }
  },
})

export const nodeThawCommand = nodeCommand({
  verb: 'thaw',
  summary: 'let a frozen node go on',
  description: ['SIGCONT to every frozen process of the node.'],
  example: { line: 'pgherd node thaw pg-0', note: 'the node finds out what it has missed' },
  next: (node) => ['pgherd status', `pgherd events --node ${node}`],
  act: async (cluster, node) => {
    const count = await cluster.thawNode(node)
    return {
      isChanged: count > 0,
      message: count > 0 ? `${node} goes on: ${count} processes woken` : `${node} was not frozen`,
    }
  },
})
