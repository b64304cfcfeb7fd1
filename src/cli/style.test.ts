import { describe, expect, test } from 'vitest'
import {
  columnsOf,
  createStyle,
  truncate,
  wantsColour,
  wantsUnicode,
  withoutEscapes,
} from './style.ts'

describe('colour', () => {
  test.each([
    ['a terminal', 'auto', {}, true, true],
    ['a pipe', 'auto', {}, false, false],
    ['NO_COLOR', 'auto', { NO_COLOR: '1' }, true, false],
    ['NO_COLOR that is empty', 'auto', { NO_COLOR: '' }, true, true],
    ['TERM=dumb', 'auto', { TERM: 'dumb' }, true, false],
    ['FORCE_COLOR in a pipe', 'auto', { FORCE_COLOR: '1' }, false, true],
    ['FORCE_COLOR=0', 'auto', { FORCE_COLOR: '0' }, true, false],
    ['--color always against NO_COLOR', 'always', { NO_COLOR: '1' }, false, true],
    ['--color never', 'never', { FORCE_COLOR: '1' }, true, false],
  ] as const)('%s', (_title, wish, environment, isTty, expected) => {
    expect(wantsColour(wish, environment, isTty)).toBe(expected)
  })

  test('a style without colour writes no escape', () => {
    const style = createStyle(false, true)
    expect(style.bad(style.bold('x'))).toBe('x')
    expect(createStyle(true, true).bad('x')).not.toBe('x')
  })
})

test.each([
  [{}, true],
  [{ LANG: 'C' }, false],
  [{ LANG: 'C', LC_ALL: 'C.UTF-8' }, true],
  [{ LANG: 'de_DE.utf8' }, true],
  [{ LANG: 'C.UTF-8', TERM: 'linux' }, false],
])('Unicode in %j: %s', (environment, expected) => {
  expect(wantsUnicode(environment)).toBe(expected)
})

test('width: wide characters take two columns, escapes none', () => {
  expect(columnsOf('主库')).toBe(4)
  expect(columnsOf(createStyle(true, true).bad('ab'))).toBe(2)
})

describe('truncate', () => {
  test('leaves what fits', () => {
    expect(truncate('abc', 3, '…')).toBe('abc')
  })
  test('cuts with an ellipsis inside the width', () => {
    expect(truncate('abcdef', 4, '…')).toBe('abc…')
    expect(truncate('主库主库', 5, '…')).toBe('主库…')
  })
  test('keeps escapes whole and closes them', () => {
    const cut = truncate(createStyle(true, true).bad('abcdef'), 4, '…')
    expect(withoutEscapes(cut)).toBe('abc…')
    expect(cut).toContain('\u001b[0m')
  })
})
