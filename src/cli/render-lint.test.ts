import { expect, test } from 'vitest'
import type { Finding } from '../lint/lint.ts'
import { renderFindings, renderVerdict } from './render-lint.ts'
import { columnsOf, plainStyle } from './style.ts'

function finding(file: string, line: number, rule: string, message: string): Finding {
  const texts = { why: 'Because it hurts those who wait for it.', fix: 'write it in another way' }
  const place = { file, line }
  return { rule, severity: 'warning', ...place, message, facts: {}, ...texts, places: [place] }
}

test('by file; neighbours of one rule share reason and remedy', () => {
  const findings = [
    finding('a/.env', 9, 'L401', 'A is a default'),
    finding('a/.env', 10, 'L401', 'B is a default'),
    finding('b', 1, 'L101', 'spreads'),
  ]
  expect(renderFindings(findings, Number.POSITIVE_INFINITY, plainStyle)).toEqual([
    'a/.env',
    ' 9  warning  L401  A is a default',
    '10  warning  L401  B is a default',
    '    why: Because it hurts those who wait for it.',
    '    fix: write it in another way',
    '',
    'b',
    '1  warning  L101  spreads',
    '   why: Because it hurts those who wait for it.',
    '   fix: write it in another way',
    '',
  ])
})

test('a finding of two balancers names both places; lines to copy stay whole', () => {
  const both = {
    ...finding('lb1/haproxy.cfg', 9, 'L101', 'spreads'),
    places: ['lb1', 'lb2'].map((folder) => ({ file: `${folder}/haproxy.cfg`, line: 9 })),
    snippet: ['option tcp-check', `tcp-check send-binary ${'00'.repeat(60)}`],
  }
  expect(renderFindings([both], 100, plainStyle)).toEqual([
    'lb1/haproxy.cfg',
    '9  warning  L101  spreads (also lb2/haproxy.cfg:9)',
    '   why: Because it hurts those who wait for it.',
    '   fix: write it in another way',
    '        option tcp-check',
    `        tcp-check send-binary ${'00'.repeat(60)}`,
    '',
  ])
})

test('a narrow terminal: lines are broken below their text, and nothing steers it', () => {
  const long = `${'words and '.repeat(12)}\u001b[2Jend`
  const lines = renderFindings([finding('a', 1, 'L101', long)], 60, plainStyle)
  for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(60)
  expect(lines.join('\n')).not.toContain('\u001b')
  expect(lines[2]).toMatch(/^ {18}\w/)
})

test.each([
  [{ error: 0, warning: 0, info: 0 }, 'No fault found in 2 files (81 rules).'],
  [{ error: 1, warning: 0, info: 0 }, '1 error in 2 files (81 rules).'],
  [{ error: 3, warning: 5, info: 1 }, '3 errors, 5 warnings, 1 info in 2 files (81 rules).'],
])('the verdict: %o', (counts, sentence) => {
  expect(renderVerdict(counts, 2, 81)).toBe(sentence)
})
