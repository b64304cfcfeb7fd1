import { describe, expect, test } from 'vitest'
import { makeEvent, observationsWith, testLayout } from '../../test/support/cluster-double.ts'
import { mergeStatus } from '../core/cluster-status.ts'
import { frameDifference } from './screen.ts'
import { columnsOf, createStyle } from './style.ts'
import { type WatchView, renderFrame } from './watch-frame.ts'

const style = createStyle(false, true)
const view: WatchView = {
  status: mergeStatus(testLayout, observationsWith({ 'pg-2': { silence: 'timeout' } })),
  events: Array.from({ length: 30 }, (_, index) => makeEvent({ message: `event ${index}` })),
  lookedAtMs: Date.UTC(2026, 2, 9, 14, 3, 7),
  isPaused: false,
  isHelpShown: false,
  message: null,
}

describe.each([
  [80, 24],
  [120, 40],
  [40, 10],
  [200, 60],
])('at %i x %i', (columns, rows) => {
  test.each([
    ['as it is', view],
    ['before the first answer', { ...view, status: null }],
    ['with the help', { ...view, isHelpShown: true }],
    ['paused', { ...view, isPaused: true }],
  ])('%s: exactly that many lines, none wider', (_title, shown) => {
    const lines = renderFrame(shown, { columns, rows }, style)
    expect(lines).toHaveLength(rows)
    for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(columns)
  })
})

test('the newest events stand at the bottom, the keys below them', () => {
  const lines = renderFrame(view, { columns: 100, rows: 40 }, style)
  const shown = lines.filter((line) => line.includes('event '))
  expect(shown.at(-1)).toContain('event 29')
  expect(lines.at(-1)).toBe(`q quit   p pause   s switchover   ? help${' '.repeat(52)}14:03:07`)
})

test('a question or an answer takes the place of the keys', () => {
  const lines = renderFrame({ ...view, message: 'Do it? y/N' }, { columns: 80, rows: 24 }, style)
  expect(lines.at(-1)).toMatch(/^Do it\? y\/N +14:03:07$/)
})

test('only lines that changed are written', () => {
  expect(frameDifference(['a', 'b', 'c'], ['a', 'x', 'c'])).toBe('\u001b[2;1Hx\u001b[K')
  expect(frameDifference(['a'], ['a'])).toBe('')
  expect(frameDifference([], ['a', 'b'])).toBe('\u001b[1;1Ha\u001b[K\u001b[2;1Hb\u001b[K')
})
