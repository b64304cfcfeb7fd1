// The picture of `status --watch`: status above, the latest events below, keys at the bottom; cut to
// the size of the terminal. Pure.

import type { ClusterStatus } from '../core/cluster-status.ts'
import type { JournalEvent } from '../core/journal-event.ts'
import { renderEvent } from './render-event.ts'
import { renderTime } from './render-quantity.ts'
import { renderStatus } from './render-status.ts'
import { type Style, columnsOf, truncate } from './style.ts'

export type WatchView = {
  /** Null before the first answer. */
  readonly status: ClusterStatus | null
  readonly events: readonly JournalEvent[]
  /** Wall clock of the last look. */
  readonly lookedAtMs: number
  readonly isPaused: boolean
  readonly isHelpShown: boolean
  /** What the last key did, or what is being asked. */
  readonly message: string | null
}

export type FrameSize = { readonly columns: number; readonly rows: number }

/** Exactly `rows` lines of at most `columns` columns. */
export function renderFrame(view: WatchView, size: FrameSize, style: Style): readonly string[] {
  const width = size.columns
  const top =
    view.status === null ? ['Asking the agents...'] : renderStatus(view.status, width, style)
  const body = view.isHelpShown ? [...helpLines(style)] : [...top]
  const room = size.rows - body.length - 3
  if (!view.isHelpShown && room > 0) {
    body.push('', style.accent('Events'), ...latest(view.events, room, width, style))
  }
  const lines = body.slice(0, size.rows - 1)
  const blanks = Array.from({ length: size.rows - 1 - lines.length }, () => '')
  return [...lines, ...blanks, bottomLine(view, width, style)].map((line) =>
    truncate(line, width, style.symbols.ellipsis),
  )
}

/** As many of the newest events as fit; each whole, or not at all. */
function latest(
  events: readonly JournalEvent[],
  room: number,
  width: number,
  style: Style,
): readonly string[] {
  const lines: string[] = []
  for (const event of events.toReversed()) {
    const rendered = renderEvent(event, width, style)
    if (lines.length + rendered.length > room) break
    lines.unshift(...rendered)
  }
  return lines.length === 0 && events.length === 0 ? [style.dim('nothing has happened yet')] : lines
}

function bottomLine(view: WatchView, width: number, style: Style): string {
  const state = view.isPaused ? style.warn('PAUSED') : renderTime(view.lookedAtMs).slice(0, 8)
  const left =
    view.message === null
      ? style.dim(`q quit   p ${view.isPaused ? 'go on' : 'pause'}   s switchover   ? help`)
      : style.bold(view.message)
  const blanks = Math.max(1, width - columnsOf(left) - columnsOf(state))
  return `${left}${' '.repeat(blanks)}${state}`
}

function helpLines(style: Style): readonly string[] {
  return [
    style.bold('pgherd status --watch'),
    '',
    '  q, Ctrl-C   quit',
    '  p           pause and go on with looking (the cluster is not touched)',
    '  s           switchover to the best standby; asks first',
    '  ?           show and hide this help',
    '',
    'Marks in the column Status:',
    '  *  primary, open for writes     ~  on its way',
    '  ?  does not answer              -  stopped on purpose',
    '  !  needs a person, or claims to be primary without the lease',
    '',
    `Lag is flushed WAL that the primary has and the standby has not. Sync ${style.bold('quorum')}: commits`,
    'wait for this standby among others.',
  ]
}
