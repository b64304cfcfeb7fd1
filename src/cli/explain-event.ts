// `why`: one event with the rule that decided, its operands, the steps around it, and what would have
// been lost otherwise. Pure: events in, document and lines out.

import type { JournalEvent } from '../core/journal-event.ts'
import { type Rule, rules } from '../core/rules.ts'
import { explainLoss } from './explain-loss.ts'
import { renderEvent, renderOperands } from './render-event.ts'
import { renderDateTime, renderDuration } from './render-quantity.ts'
import { wrap, wrapIndented } from './render-table.ts'
import { type Style, oneLine } from './style.ts'

export type ExplainedStep = {
  /** Milliseconds after (or, negative, before) the explained event. */
  readonly offsetMs: number
  readonly event: JournalEvent
}

/** The document of `why --json`. */
export type EventExplanation = {
  readonly version: 1
  readonly event: JournalEvent
  /** Null: no rule decided, or one that this program does not know. */
  readonly rule: Pick<Rule, 'id' | 'section' | 'decision' | 'why' | 'when'> | null
  readonly steps: readonly ExplainedStep[]
  /** What was kept from being lost, or would have been, in sentences. */
  readonly loss: readonly string[]
}

/** Events further apart than this belong to different stories. */
const storyGapMs = 10_000
const stepCountMax = 20

/**
 * @param events everything that is known, in any order
 * @param id of the event to explain
 * @param table the rules that may have decided
 * @returns null when there is no such event
 */
export function explainEvent(
  events: readonly JournalEvent[],
  id: string,
  table: readonly Rule[] = rules,
): EventExplanation | null {
  const sorted = events.toSorted((left, right) => left.atMs - right.atMs)
  const at = sorted.findIndex((event) => event.id === id)
  const event = sorted[at]
  if (event === undefined) return null
  return {
    version: 1,
    event,
    rule: table.find((rule) => rule.id === event.ruleId) ?? null,
    loss: explainLoss(event),
    steps: storyAround(sorted, at)
      .filter((step) => isSameStory(event, step))
      .map((step) => ({ offsetMs: offsetMs(event, step), event: step })),
  }
}

/** How the time of the former primary ended: the beginning of the next one's story. */
const endKinds: ReadonlySet<JournalEvent['kind']> = new Set([
  'switchover-requested',
  'lease-released',
  'postgres-died',
  'fenced',
])

/** Whether a step near `event` is about the same change of primary: two may follow each other closely. */
function isSameStory(event: JournalEvent, step: JournalEvent): boolean {
  if (event.epoch === null || step.epoch === null || step.epoch === event.epoch) return true
  return step.epoch === event.epoch - 1 && endKinds.has(step.kind)
}

/** The events before and after, as long as they follow each other closely. */
function storyAround(sorted: readonly JournalEvent[], at: number): readonly JournalEvent[] {
  let first = at
  let last = at
  while (first > 0 && gapMs(sorted, first - 1) <= storyGapMs) first -= 1
  while (last < sorted.length - 1 && gapMs(sorted, last) <= storyGapMs) last += 1
  const before = Math.max(first, at - stepCountMax)
  return sorted.slice(before, Math.min(last, at + stepCountMax) + 1)
}

function gapMs(sorted: readonly JournalEvent[], index: number): number {
  return (sorted[index + 1]?.atMs ?? 0) - (sorted[index]?.atMs ?? 0)
}

/** On one node the monotonic clock tells the distance; between nodes only the wall clocks can. */
function offsetMs(event: JournalEvent, other: JournalEvent): number {
  const isSameClock = event.node === other.node
  const exact = isSameClock ? other.atMonotonicMs - event.atMonotonicMs : Number.NaN
  const apart = other.atMs - event.atMs
  // A restart of the machine begins a new monotonic clock.
  return Math.round(Math.abs(exact - apart) < 5_000 ? exact : apart)
}

/** The screen of `why`. */
export function renderExplanation(
  explanation: EventExplanation,
  widthMax: number,
  style: Style,
): readonly string[] {
  const { event, rule } = explanation
  const width = Math.min(widthMax, 100)
  const epoch = event.epoch === null ? '' : ` ${style.symbols.bullet} epoch ${event.epoch}`
  const place = `${event.kind} on ${event.node} ${style.symbols.bullet} ${renderDateTime(event.atMs)}`
  return [
    ...wrap(oneLine(event.message), width).map(style.bold),
    style.dim(`${place}${epoch} ${style.symbols.bullet} ${event.id}`),
    ...section('Rule', ruleLines(event, rule, width), style),
    ...section('Operands', renderOperands(event.operands, '  '), style),
    ...section('Loss', lossLines(explanation.loss, width, style), style),
    ...section('Steps', stepLines(explanation, width, style), style),
  ]
}

function section(title: string, lines: readonly string[], style: Style): readonly string[] {
  return lines.length === 0 ? [] : ['', style.accent(title), ...lines]
}

function ruleLines(
  event: JournalEvent,
  rule: EventExplanation['rule'],
  width: number,
): readonly string[] {
  if (event.ruleId === null) return ['  no rule: this is a fact, not a decision']
  if (rule === null) return [`  ${event.ruleId} (this version of pgherd has no such rule)`]
  const when = Object.entries(rule.when).map(([name, value]) => {
    const values = Array.isArray(value) ? value.join(' or ') : String(value)
    return `${name} is ${values}`
  })
  return [
    `  ${rule.id}, section "${rule.section}", decides ${rule.decision}`,
    ...wrapIndented(rule.why, width, '  '),
    ...(when.length === 0 ? [] : wrapIndented(`when ${when.join(', ')}`, width, '  ')),
  ]
}

function lossLines(loss: readonly string[], width: number, style: Style): readonly string[] {
  return loss.flatMap((sentence) => {
    const lines = wrap(sentence, width - 4, '  ')
    return lines.map((line, at) => `${at === 0 ? `  ${style.symbols.bullet} ` : '  '}${line}`)
  })
}

function stepLines(explanation: EventExplanation, width: number, style: Style): readonly string[] {
  if (explanation.steps.length < 2) return []
  const offsets = explanation.steps.map(({ offsetMs: ms }) =>
    ms === 0 ? '0' : `${ms < 0 ? '-' : '+'}${renderDuration(Math.abs(ms))}`,
  )
  const offsetWidth = Math.max(...offsets.map((text) => text.length))
  return explanation.steps.flatMap(({ event }, index) => {
    const isThis = event.id === explanation.event.id
    const when = (offsets[index] ?? '').padStart(offsetWidth)
    return renderEvent(event, width - 2, style, when).map((line, at) => {
      const mark = isThis && at === 0 ? style.accent('>') : ' '
      return `${mark} ${isThis ? style.bold(line) : line}`
    })
  })
}
