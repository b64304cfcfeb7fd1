// Progress of long work: steps that run in parallel, each with a mark and its seconds. On a terminal
// the list is redrawn in place; elsewhere every change is one line. The frame is pure.

import { renderDuration } from './render-quantity.ts'
import { type Style, columnsOf, truncate } from './style.ts'
import type { Terminal } from './terminal.ts'

/** `interrupted`: a person did not want to wait for its end; what it has done stays. */
export type StepState = 'started' | 'done' | 'unchanged' | 'failed' | 'interrupted'

export type StepUpdate = {
  readonly id: string
  readonly title: string
  readonly state: StepState
  readonly detail: string | null
}

type ListedStep = StepUpdate & {
  readonly startedAtMs: number
  readonly endedAtMs: number | null
}

/** Steps in the order of their first appearance. */
export type StepList = readonly ListedStep[]

/** The list after `update`; a step that ended may start again, and its time then goes on. */
export function withStep(list: StepList, update: StepUpdate, nowMs: number): StepList {
  const known = list.find((step) => step.id === update.id)
  if (known === undefined) {
    return [...list, { ...update, startedAtMs: nowMs, endedAtMs: endOf(update, null, nowMs) }]
  }
  const endedAtMs = endOf(update, known.endedAtMs, nowMs)
  const next = { ...update, startedAtMs: known.startedAtMs, endedAtMs }
  return list.map((step) => (step === known ? next : step))
}

/** An ended step that only says more ended when it ended. */
function endOf(update: StepUpdate, endedAtMs: number | null, nowMs: number): number | null {
  return update.state === 'started' ? null : (endedAtMs ?? nowMs)
}

const spinnerFrames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const
const asciiSpinnerFrames = ['|', '/', '-', '\\'] as const

/**
 * The list as lines of at most `widthMax` columns.
 * @param isOver nothing moves any more: steps that have not ended get a mark that stands still
 */
export function renderSteps(
  list: StepList,
  nowMs: number,
  widthMax: number,
  style: Style,
  isOver = false,
): readonly string[] {
  const titleWidth = Math.max(0, ...list.map((step) => columnsOf(step.title)))
  return list.map((step) => {
    const seconds = renderSeconds((step.endedAtMs ?? nowMs) - step.startedAtMs)
    const mark = markOf(step, isOver ? null : nowMs, style)
    const title = step.title + ' '.repeat(titleWidth - columnsOf(step.title))
    const room = widthMax - columnsOf(mark) - titleWidth - seconds.length - 6
    const detail = truncate(step.detail ?? '', Math.max(0, room), style.symbols.ellipsis)
    const shown = step.state === 'failed' ? style.bad(detail) : style.dim(detail)
    const blanks = ' '.repeat(Math.max(1, room - columnsOf(detail) + 2))
    return `${mark} ${title}  ${shown}${blanks}${style.dim(seconds)}`
  })
}

/** Always in seconds, so that a column of them can be compared. */
function renderSeconds(durationMs: number): string {
  return durationMs < 100_000
    ? `${(durationMs / 1000).toFixed(1)} s`.padStart(6)
    : renderDuration(durationMs)
}

/** @param nowMs null: nothing moves */
function markOf(step: ListedStep, nowMs: number | null, style: Style): string {
  const { symbols } = style
  const width = columnsOf(symbols.done)
  switch (step.state) {
    case 'started': {
      if (nowMs === null) return style.dim(symbols.bullet.padEnd(width))
      const frames = symbols.done.length === 1 ? spinnerFrames : asciiSpinnerFrames
      const frame = frames[Math.floor(nowMs / 100) % frames.length] ?? ''
      return style.accent(frame.padEnd(width))
    }
    case 'done':
      return style.good(symbols.done.padEnd(width))
    case 'unchanged':
      return style.dim(symbols.done.padEnd(width))
    case 'failed':
      return style.bad(symbols.failed.padEnd(width))
    case 'interrupted':
      return style.dim(symbols.bullet.padEnd(width))
  }
}

/** One change as a line of its own, for pipes and logs. Null: not worth a line. */
export function renderStepLine(step: StepUpdate, sinceStartMs: number, style: Style): string {
  const words = {
    started: '..',
    done: 'ok',
    unchanged: 'ok',
    failed: 'failed',
    interrupted: '..',
  } as const
  const detail = step.detail === null || step.detail === '' ? '' : `: ${step.detail}`
  const seconds = `${(sinceStartMs / 1000).toFixed(1)} s`.padStart(7)
  return `${style.dim(seconds)}  ${words[step.state].padEnd(6)}  ${step.title}${detail}`
}

/** A running display. `finish` leaves the last picture standing. */
export type StepDisplay = {
  update(step: StepUpdate): void
  finish(): void
}

const frameMs = 100
/** Where nobody sees a picture move, the same step speaks at most this often. */
const plainPeriodMs = 10_000

/**
 * Shows steps on stderr.
 * @param nowMs a monotonic clock
 */
export function showSteps(terminal: Terminal, nowMs: () => number): StepDisplay {
  return terminal.isStderrTty && terminal.canAnimate
    ? showLive(terminal, nowMs)
    : showPlain(terminal, nowMs)
}

function showLive(terminal: Terminal, nowMs: () => number): StepDisplay {
  let list: StepList = []
  let drawnLines = 0
  const draw = (isOver = false) => {
    const width = terminal.messageWidth - 1
    const lines = renderSteps(list, nowMs(), width, terminal.messageStyle, isOver)
    const up = drawnLines === 0 ? '' : `\u001b[${drawnLines}A`
    terminal.tellRaw(`${up}${lines.map((line) => `\r\u001b[2K${line}\n`).join('')}`)
    drawnLines = lines.length
  }
  terminal.hideCursor()
  const timer = setInterval(() => {
    draw()
  }, frameMs)
  return {
    update: (step) => {
      list = withStep(list, step, nowMs())
      draw()
    },
    finish: () => {
      clearInterval(timer)
      draw(true)
      terminal.showCursor()
    },
  }
}

function showPlain(terminal: Terminal, nowMs: () => number): StepDisplay {
  const startMs = nowMs()
  const spoken = new Map<string, { state: StepState; detail: string | null; atMs: number }>()
  return {
    update: (step) => {
      const last = spoken.get(step.id)
      const atMs = nowMs()
      const isNews = last?.state !== step.state
      const isOverdue =
        last !== undefined && last.detail !== step.detail && atMs - last.atMs >= plainPeriodMs
      if (!isNews && !isOverdue) return
      spoken.set(step.id, { state: step.state, detail: step.detail, atMs })
      // A step that ends at once needs no line for its beginning; that it began is said when it lasts.
      if (step.state === 'started' && last === undefined && step.detail === null) return
      terminal.tell(renderStepLine(step, atMs - startMs, terminal.messageStyle))
    },
    finish: () => undefined,
  }
}
