// pgherd why: one event with the rule that decided, its operands and the steps around it.

import type { JournalEvent } from '../../core/journal-event.ts'
import { closest } from '../../config/closest.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { openCluster, printJson } from '../context.ts'
import { explainEvent, renderExplanation } from '../explain-event.ts'
import { gatherEvents, noAnswerError } from '../observe-cluster.ts'

export const whyCommand: Command = {
  name: 'why',
  group: 'Look',
  summary: 'explain an event: the rule, the numbers, the steps around it',
  description: [
    'Shows which rule decided, with which operands, what happened before and after it with milliseconds, ' +
      'and what the decision cost or saved. Ids are at the end of each line of `pgherd events`.',
    'Without an id the last event that a rule decided against something (a refusal, a fence, a failure) ' +
      'or that changed the primary is explained.',
  ],
  arguments: [
    {
      name: 'event',
      description: 'id of the event, as pg-1-3-17; the last notable one when left out',
      isRequired: false,
      completes: 'event',
    },
  ],
  options: [],
  examples: [
    { line: 'pgherd why pg-1-3-17', note: 'why pg-1 did that' },
    { line: 'pgherd why', note: 'the last failover, refusal or fence' },
  ],
  exits: ['unreachable', 'configuration'],
  run: async (context, input) => {
    const cluster = await openCluster(context)
    const events = await gatherEvents(cluster, cluster.connect())
    if (events === null) throw await noAnswerError(cluster)
    const id = input.argument('event') ?? lastNotable(events)
    const explanation = id === null ? null : explainEvent(events, id)
    if (explanation === null) throw unknownEvent(id, events)
    const { terminal } = context
    if (context.isJson) printJson(context, explanation)
    else terminal.print(...renderExplanation(explanation, terminal.width, terminal.style))
    return 'done'
  },
}

const notableKinds: ReadonlySet<string> = new Set<JournalEvent['kind']>([
  'refused',
  'fenced',
  'elected',
  'resumed',
  'postgres-died',
  'switchover-done',
  'switchover-cancelled',
  'failed',
  'bootstrapped',
])

function lastNotable(events: readonly JournalEvent[]): string | null {
  return events.findLast((event) => notableKinds.has(event.kind))?.id ?? null
}

function unknownEvent(id: string | null, events: readonly JournalEvent[]): PgherdError {
  if (id === null) {
    return new PgherdError({
      code: 'PGHERD_EVENT_UNKNOWN',
      reason: 'usage',
      message: 'nothing notable has happened yet',
      hint: 'see all events: pgherd events',
    })
  }
  const meant = closest(
    id,
    events.map((event) => event.id),
  )
  return new PgherdError({
    code: 'PGHERD_EVENT_UNKNOWN',
    reason: 'usage',
    message: `there is no event ${id}`,
    because:
      meant === null ? 'only the latest few hundred events are kept' : `did you mean ${meant}?`,
    hint: 'see the ids at the end of each line of: pgherd events',
  })
}
