// pgherd logs: what the programs of the nodes write, readable, with the node before each line.

import path from 'node:path'
import type { NodeName } from '../../core/names.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { RuntimeCluster } from '../../runtimes/runtime.ts'
import type { Command } from '../command.ts'
import { type CommandContext, openCluster, printJson } from '../context.ts'
import { type LogPosition, readNews, readTail } from '../log-file.ts'
import { namedNodeOrPrimary } from '../named-node.ts'
import { isElsewhere } from '../observe-cluster.ts'
import { renderLogLine } from '../render-log.ts'

const followPeriodMs = 250
const lineCountDefault = 40

export const logsCommand: Command = {
  name: 'logs',
  group: 'Look',
  summary: 'show the logs of the agents and of what they run',
  description: [
    'The last lines of each log file, node by node and file by file: what the agent decided and did ' +
      '(events), its troubles (agent), and what PostgreSQL, its guard, etcd, HAProxy and Keepalived wrote. ' +
      'With --json the lines are printed as they are in the files; only --files prints one JSON document.',
    'Of a healthy node the agent has little to complain about; its story is in its events.',
  ],
  arguments: [
    {
      name: 'nodes',
      description: 'only of these nodes; `primary` is the one that is primary now',
      isRequired: false,
      isVariadic: true,
      completes: 'node-or-primary',
    },
  ],
  options: [
    { flags: '-f, --follow', description: 'go on with new lines until Ctrl-C' },
    {
      flags: '-n, --lines <count>',
      description: `so many lines of each file (${lineCountDefault})`,
    },
    { flags: '--files', description: 'print only the paths of the log files' },
  ],
  examples: [
    { line: 'pgherd logs primary', note: 'agent, PostgreSQL and all else on the primary of now' },
    { line: 'pgherd logs --follow', note: 'all nodes as they speak' },
  ],
  exits: ['configuration', 'system', 'noPrimary'],
  run: async (context, input) => {
    const cluster = await openCluster(context)
    const nodes: NodeName[] = []
    for (const name of input.rest('nodes')) nodes.push(await namedNodeOrPrimary(cluster, name))
    const files = await filesOf(cluster, nodes)
    if (files.length === 0) await tellWhereLogsAre(context, cluster)
    if (input.isSet('files')) {
      if (context.isJson) printJson(context, { version: 1, cluster: cluster.layout.cluster, files })
      else context.terminal.print(...files.map((file) => file.path))
      return 'done'
    }
    const count = lineCount(input.text('lines'))
    const placeWidth = Math.max(0, ...files.map((file) => placeOf(file).length))
    const positions = new Map<string, LogPosition>()
    for (const file of files) {
      const { lines, position } = await readTail(file.path, count)
      positions.set(file.path, position)
      print(context, file, lines, placeWidth)
    }
    while (input.isSet('follow')) {
      await context.services.clock.sleep(followPeriodMs, context.signal)
      if (context.signal.aborted) break
      for (const file of await filesOf(cluster, nodes)) {
        const from = positions.get(file.path) ?? { inode: 0, offset: 0, rest: '' }
        const { lines, position } = await readNews(file.path, from)
        positions.set(file.path, position)
        print(context, file, lines, placeWidth)
      }
    }
    return 'done'
  },
}

type LogFile = { readonly node: NodeName | null; readonly path: string }

async function filesOf(
  cluster: RuntimeCluster,
  nodes: readonly NodeName[],
): Promise<readonly LogFile[]> {
  return nodes.length === 0
    ? cluster.logFiles(null)
    : (await Promise.all(nodes.map((node) => cluster.logFiles(node)))).flat()
}

function placeOf(file: LogFile): string {
  return `${file.node ?? 'pgherd'}/${path.basename(file.path).replace(/\.(log|jsonl)$/, '')}`
}

function print(
  context: CommandContext,
  file: LogFile,
  lines: readonly string[],
  placeWidth: number,
): void {
  const { terminal, isJson } = context
  if (isJson) {
    terminal.print(...lines)
    return
  }
  const { style } = terminal
  const head = style.accent(placeOf(file).padEnd(placeWidth))
  terminal.print(...lines.map((line) => `${head} ${renderLogLine(line, style)}`))
}

/** @throws PgherdError PGHERD_USAGE */
function lineCount(text: string | null): number {
  if (text === null) return lineCountDefault
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new PgherdError({
    code: 'PGHERD_USAGE',
    reason: 'usage',
    message: `--lines ${text} is no count`,
    hint: 'write a whole number, 0 for new lines only',
  })
}

async function tellWhereLogsAre(context: CommandContext, cluster: RuntimeCluster): Promise<void> {
  if (!(await isElsewhere(cluster))) {
    context.terminal.tell('there are no log files yet')
    return
  }
  context.terminal.tell(
    'The agents run on hosts of their own. What an agent says goes to its standard output (with systemd: ' +
      'journalctl -u UNIT, on its host); what its programs write is below its --data-dir.',
  )
}
