import { describe, expect, test } from 'vitest'
import { type StepList, type StepUpdate, renderSteps, showSteps, withStep } from './step-list.ts'
import { columnsOf, createStyle } from './style.ts'
import { createTerminal } from './terminal.ts'

const style = createStyle(false, true)

function step(id: string, state: StepUpdate['state'], detail: string | null = null): StepUpdate {
  return { id, title: id, state, detail }
}

function listOf(...updates: readonly (readonly [StepUpdate, number])[]): StepList {
  return updates.reduce<StepList>((list, [update, atMs]) => withStep(list, update, atMs), [])
}

describe('the list', () => {
  const list = listOf(
    [step('machine', 'started'), 0],
    [step('pg-0', 'started', 'starts'), 100],
    [step('machine', 'done', 'PostgreSQL 15, etcd 3.4'), 400],
    [step('pg-1', 'unchanged', 'runs already'), 500],
    [step('lb-0', 'failed', 'port 5500 is taken'), 700],
  )

  test('marks, titles in one column, seconds at the right', () => {
    expect(renderSteps(list, 2_100, 60, style)).toEqual([
      '✔ machine  PostgreSQL 15, etcd 3.4                    0.4 s',
      '⠙ pg-0     starts                                     2.0 s',
      '✔ pg-1     runs already                               0.0 s',
      '✖ lb-0     port 5500 is taken                         0.0 s',
    ])
  })

  test('seconds stop when a step ends, and are not counted anew when it says more', () => {
    const later = withStep(list, step('machine', 'done', 'all there'), 9_000)
    expect(renderSteps(later, 10_000, 60, style)[0]).toContain('0.4 s')
  })

  test('a step that starts again goes on counting from its beginning', () => {
    const again = withStep(list, step('machine', 'started', 'once more'), 5_000)
    expect(renderSteps(again, 6_000, 60, style)[0]).toContain('6.0 s')
    const ended = withStep(again, step('machine', 'done'), 7_000)
    expect(renderSteps(ended, 9_000, 60, style)[0]).toContain('7.0 s')
  })

  test('a step that was interrupted is no failure', () => {
    const cut = listOf([step('pg-0', 'interrupted', 'interrupted'), 0])
    expect(renderSteps(cut, 0, 40, style)[0]).toMatch(/^· pg-0 {2}interrupted +0\.0 s$/)
  })

  test('long details are cut to the width', () => {
    const long = listOf([step('pg-0', 'started', 'x'.repeat(200)), 0])
    expect(columnsOf(renderSteps(long, 0, 60, style)[0] ?? '')).toBeLessThanOrEqual(60)
  })
})

describe('in a pipe', () => {
  function plain() {
    const lines: string[] = []
    const stream = { write: (text: string) => lines.push(text) }
    let nowMs = 0
    const terminal = createTerminal({ stdout: stream, stderr: stream, stdin: {} }, {}, 'auto')
    const display = showSteps(terminal, () => nowMs)
    return {
      lines,
      say: (atMs: number, update: StepUpdate) => {
        nowMs = atMs
        display.update(update)
      },
    }
  }

  test('one line per change, without a single escape', () => {
    const { lines, say } = plain()
    say(0, step('pg-0', 'started'))
    say(50, step('pg-0', 'started'))
    say(1_200, step('pg-0', 'done', 'primary'))
    expect(lines).toEqual(['  1.2 s  ok      pg-0: primary\n'])
  })

  test('progress of long work speaks at most every ten seconds', () => {
    const { lines, say } = plain()
    say(0, step('pg-1', 'started', 'clone 1 MB'))
    for (let atMs = 500; atMs <= 21_000; atMs += 500) {
      say(atMs, step('pg-1', 'started', `clone ${atMs} MB`))
    }
    expect(lines).toHaveLength(3)
  })
})

test('on a terminal the list is redrawn in place and the cursor comes back', () => {
  let text = ''
  const stream = { write: (part: string) => (text += part), isTTY: true, columns: 60 }
  const terminal = createTerminal({ stdout: stream, stderr: stream, stdin: {} }, {}, 'never')
  const display = showSteps(terminal, () => 0)
  display.update(step('pg-0', 'started'))
  display.update(step('pg-1', 'started'))
  display.finish()
  expect(text).toContain('\u001b[1A')
  expect(text).toContain('\u001b[2A')
  expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'))
})
