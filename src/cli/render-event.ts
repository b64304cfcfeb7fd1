// Events as lines for people, and their operands spelled out. Pure.

import type { EventKind, JournalEvent } from '../core/journal-event.ts'
import { type Lsn, renderLsn } from '../core/lsn.ts'
import { renderBytes, renderDuration, renderTime } from './render-quantity.ts'
import { wrap } from './render-table.ts'
import { type Paint, type Style, columnsOf, oneLine } from './style.ts'

type Tone = 'plain' | 'good' | 'warn' | 'bad'

/** How much a kind of event matters to somebody who reads quickly. */
const tones: Readonly<Record<EventKind, Tone>> = {
  'agent-started': 'plain',
  bootstrapped: 'good',
  'lease-acquired': 'plain',
  'lease-released': 'plain',
  'lease-lost': 'bad',
  sealed: 'plain',
  elected: 'plain',
  promoted: 'plain',
  resumed: 'good',
  opened: 'good',
  refused: 'warn',
  fenced: 'bad',
  'postgres-died': 'bad',
  'list-changing': 'plain',
  'list-changed': 'plain',
  'durability-degraded': 'warn',
  contradiction: 'warn',
  following: 'plain',
  rewound: 'plain',
  cloned: 'plain',
  'diverged-wal-kept': 'warn',
  'switchover-requested': 'plain',
  'switchover-done': 'good',
  'switchover-cancelled': 'warn',
  'sync-wait-cancelled': 'warn',
  'store-member': 'plain',
  'vip-taken': 'good',
  'vip-left': 'warn',
  'automation-paused': 'warn',
  'automation-resumed': 'good',
  'record-unusable': 'bad',
  'record-usable': 'good',
  'record-restored': 'good',
  failed: 'bad',
}

function toneMark(tone: Tone, style: Style): { readonly mark: string; readonly paint: Paint } {
  const { symbols } = style
  switch (tone) {
    case 'plain':
      return { mark: symbols.bullet, paint: style.dim }
    case 'good':
      return { mark: symbols.done, paint: style.good }
    case 'warn':
      return { mark: symbols.warning, paint: style.warn }
    case 'bad':
      return { mark: symbols.failed, paint: style.bad }
  }
}

/** Kinds come from agents, which may be newer than this program. */
function toneOf(kind: EventKind): Tone {
  return (tones as Readonly<Partial<Record<string, Tone>>>)[kind] ?? 'plain'
}

/**
 * One event: time, node, sentence, id. Wraps to `widthMax` with the continuation below the sentence.
 * @param when stands in place of the time of day
 */
export function renderEvent(
  event: JournalEvent,
  widthMax: number,
  style: Style,
  when = renderTime(event.atMs),
): readonly string[] {
  const { mark, paint } = toneMark(toneOf(event.kind), style)
  const marked = mark.padEnd(columnsOf(style.symbols.done))
  const node = event.node.padEnd(6)
  const indent = ' '.repeat(columnsOf(`${when} ${marked} ${node} `))
  const tail = `[${event.id}]`
  const sentence = `${withoutName(event)} ${tail}`
  const lines = wrap(sentence, Math.max(20, widthMax - indent.length))
  return lines.map((line, index) => {
    const text = line.replace(tail, style.dim(tail))
    return index === 0 ? `${style.dim(when)} ${paint(marked)} ${node} ${text}` : indent + text
  })
}

/** The node stands before the sentence already. */
function withoutName(event: JournalEvent): string {
  const message = oneLine(event.message)
  if (!message.startsWith(event.node)) return message
  const rest = message.slice(event.node.length)
  // In an event of pg-1, a sentence about pg-10 begins with other letters of a name.
  return /^[a-z0-9-]/i.test(rest) ? message : rest.replace(/^:? /, '')
}

/** `promised: 3`, nested values indented; numbers with the unit that their name ends in. */
export function renderOperands(
  operands: Readonly<Record<string, unknown>>,
  indent: string,
): readonly string[] {
  return Object.entries(operands).flatMap(([name, value]) => renderOperand(name, value, indent))
}

function renderOperand(name: string, value: unknown, indent: string): readonly string[] {
  if (Array.isArray(value)) return renderList(name, value, indent)
  if (isRecord(value)) {
    const inner = renderOperands(value, `${indent}  `)
    return inner.length === 0 ? [`${indent}${name}: none`] : [`${indent}${name}:`, ...inner]
  }
  return [`${indent}${name}: ${renderValue(name, value)}`]
}

function renderList(name: string, values: readonly unknown[], indent: string): readonly string[] {
  if (values.length === 0) return [`${indent}${name}: none`]
  if (!values.some((value) => isRecord(value) || Array.isArray(value))) {
    return [`${indent}${name}: ${values.map((value) => renderValue(name, value)).join(', ')}`]
  }
  return [
    `${indent}${name}:`,
    ...values.flatMap((value) => {
      if (!isRecord(value)) return [`${indent}  - ${renderValue(name, value)}`]
      const lines = renderOperands(value, `${indent}    `)
      return lines.map((line, index) => (index === 0 ? `${indent}  - ${line.trimStart()}` : line))
    }),
  ]
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A number means what the end of its name says: `flushLsn`, `waitedMs`, `lagBytes`. */
function renderValue(name: string, value: unknown): string {
  if (value === null || value === undefined) return 'unknown'
  if (typeof value === 'number') {
    if (/lsn$/i.test(name)) return renderLsn(value as Lsn)
    if (/Ms$/.test(name)) return renderDuration(value)
    if (/Bytes$/i.test(name)) return renderBytes(value)
    return String(value)
  }
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return typeof value === 'string' ? oneLine(value) : JSON.stringify(value)
}
