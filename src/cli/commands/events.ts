// pgherd events: what happened, oldest first, each with an id for `pgherd why`.

import type { JournalEvent } from '../../core/journal-event.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { type CommandContext, openCluster, printJson } from '../context.ts'
import { namedNodeOrPrimary } from '../named-node.ts'
import { gatherEvents, noAnswerError, statusDeadlineMs } from '../observe-cluster.ts'
import { renderEvent } from '../render-event.ts'
import { parseDuration } from '../render-quantity.ts'

const followPeriodMs = 250
const newEventCountMax = 100

export const eventsCommand: Command = {
  name: 'events',
  group: 'Look',
  summary: 'tell what happened, as sentences with their cause',
  description: [
    'Events come from the store and from every agent that answers, so they can be read while nodes or ' +
      'the store are down. The id at the end of a line goes to `pgherd why`.',
  ],
  arguments: [],
  options: [
    { flags: '--since <time>', description: 'only newer ones: 10m, 2h, 1d, or a date and time' },
    {
      flags: '--node <name>',
      description: 'only of this node, or of `primary`',
      completes: 'node-or-primary',
    },
    {
      flags: '-n, --lines <count>',
      description: 'only the last so many (40 unless --since is given)',
    },
    { flags: '-f, --follow', description: 'go on with new ones until Ctrl-C' },
    { flags: '--ndjson', description: 'one JSON document per line' },
  ],
  examples: [
    { line: 'pgherd events --since 10m', note: 'the last ten minutes' },
    { line: 'pgherd events --follow --ndjson | jq .message', note: 'a stream for a program' },
  ],
  exits: ['unreachable', 'configuration', 'noPrimary'],
  run: async (context, input) => {
    const cluster = await openCluster(context)
    const client = cluster.connect()
    const node = input.text('node')
    const since = input.text('since')
    const filter = {
      node: node === null ? null : await namedNodeOrPrimary(cluster, node),
      sinceMs: since === null ? null : parseSince(since, context.services.clock.wallClockMs()),
    }
    const limit = parseCount(input.text('lines')) ?? (since === null ? 40 : Infinity)
    const isStream = input.isSet('ndjson') || (context.isJson && input.isSet('follow'))
    const first = await gatherEvents(cluster, client)
    if (first === null && !input.isSet('follow')) throw await noAnswerError(cluster)
    const seen = new Set((first ?? []).map((event) => event.id))
    const shown = (first ?? []).filter((event) => passes(event, filter)).slice(-limit)
    if (context.isJson && !isStream) {
      printJson(context, { version: 1, cluster: cluster.layout.cluster, events: shown })
      return 'done'
    }
    const print = printerOf(context, isStream)
    print(shown)
    if (shown.length === 0 && !isStream) context.terminal.tell('no events')
    while (input.isSet('follow')) {
      await context.services.clock.sleep(followPeriodMs, context.signal)
      if (context.signal.aborted) break
      const latest = await gatherEvents(cluster, client, statusDeadlineMs, newEventCountMax)
      const news = (latest ?? []).filter(({ id }) => !seen.has(id))
      for (const event of news) seen.add(event.id)
      print(news.filter((event) => passes(event, filter)))
    }
    return 'done'
  },
}

type EventFilter = { readonly node: string | null; readonly sinceMs: number | null }

function passes(event: JournalEvent, filter: EventFilter): boolean {
  if (filter.node !== null && event.node !== filter.node) return false
  return filter.sinceMs === null || event.atMs >= filter.sinceMs
}

/** The day is printed when it changes, so that old events are not taken for new ones. */
function printerOf(
  context: CommandContext,
  isStream: boolean,
): (events: readonly JournalEvent[]) => void {
  const { terminal } = context
  let day = ''
  return (events) => {
    for (const event of events) {
      if (isStream) {
        terminal.print(JSON.stringify(event))
        continue
      }
      const eventDay = new Date(event.atMs).toDateString()
      if (eventDay !== day)
        terminal.print(terminal.style.dim(`${terminal.style.symbols.line.repeat(2)} ${eventDay}`))
      day = eventDay
      terminal.print(...renderEvent(event, terminal.width, terminal.style))
    }
  }
}

/** @throws PgherdError PGHERD_USAGE */
function parseSince(text: string, nowMs: number): number {
  const duration = parseDuration(text)
  if (duration !== null) return nowMs - duration
  const date = Date.parse(text)
  if (!Number.isNaN(date)) return date
  throw new PgherdError({
    code: 'PGHERD_USAGE',
    reason: 'usage',
    message: `--since ${text} is neither a duration nor a date`,
    hint: 'write 10m, 2h, 1d, or 2026-01-31T12:00',
  })
}

/** @throws PgherdError PGHERD_USAGE */
function parseCount(text: string | null): number | null {
  if (text === null) return null
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new PgherdError({
    code: 'PGHERD_USAGE',
    reason: 'usage',
    message: `--lines ${text} is no count`,
    hint: 'write a whole number from 1 on',
  })
}
