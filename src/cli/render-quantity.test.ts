import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDuration, renderBytes, renderDuration } from './render-quantity.ts'

test.each([
  [null, '-'],
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 kB'],
  [1536, '1.5 kB'],
  [16 * 1024 * 1024, '16 MB'],
  [1024 * 1024 - 1, '1.0 MB'],
  [5 * 1024 ** 4, '5.0 TB'],
])('%s bytes → %s', (bytes, text) => {
  expect(renderBytes(bytes)).toBe(text)
})

test('no size prints four digits before a larger unit', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1024, max: Number.MAX_SAFE_INTEGER }), (bytes) => {
      expect(Number.parseFloat(renderBytes(bytes))).toBeLessThan(1024)
    }),
  )
})

test.each([
  [0, '0 ms'],
  [-5, '0 ms'],
  [412.4, '412 ms'],
  [999.6, '1.00 s'],
  [1260, '1.26 s'],
  [9999, '10 s'],
  [59_400, '59 s'],
  [59_600, '1 min'],
  [185_000, '3 min 5 s'],
  [3_600_000, '1 h'],
  [7_800_000, '2 h 10 min'],
  [273_600_000, '3 d 4 h'],
])('%s ms → %s', (durationMs, text) => {
  expect(renderDuration(durationMs)).toBe(text)
})

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['1.5 h', 5_400_000],
  ['10m', 600_000],
  ['2d', 172_800_000],
  ['10', null],
  ['m', null],
  ['-5s', null],
  ['5 fortnights', null],
])('duration %s → %s', (text, durationMs) => {
  expect(parseDuration(text)).toBe(durationMs)
})
