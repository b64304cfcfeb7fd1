import { describe, expect, test } from 'vitest'
import { parseDelay, parsePercent, renderDelay } from './line-quality.ts'

describe('loss', () => {
  test.each([
    ['0', 0],
    ['5', 5],
    ['0.5', 0.5],
    ['2.25%', 2.25],
    ['100%', 100],
  ])('%j is %d', (text, percent) => {
    expect(parsePercent(text)).toBe(percent)
  })

  test.each([
    '',
    ' ',
    '%',
    '5 ',
    '0x10',
    '1e1',
    '-1',
    '+5',
    '.5',
    '5.',
    '101',
    '0.001',
    '5%%',
    'NaN',
  ])('%j is none', (text) => {
    expect(parsePercent(text)).toBeNull()
  })
})

describe('delay', () => {
  test.each([
    ['0', 0],
    ['20ms', 20],
    ['0.4ms', 0.4],
    ['0.0012s', 1.2],
    ['10s', 10_000],
  ])('%j is %d ms', (text, delayMs) => {
    expect(parseDelay(text)).toBe(delayMs)
  })

  test.each(['', '20', '11s', '-1ms', '0x10ms', '0.0001ms'])('%j is none', (text) => {
    expect(parseDelay(text)).toBeNull()
  })

  test('is told with its parts of a millisecond', () => {
    expect([0, 0.4, 20, 1500].map(renderDelay)).toEqual(['0 ms', '0.4 ms', '20 ms', '1.50 s'])
  })
})
