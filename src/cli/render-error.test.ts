import { describe, expect, test } from 'vitest'
import { parseSpec } from '../config/load.ts'
import { AssertionError } from '../lib/assert.ts'
import { PgherdError } from '../lib/errors.ts'
import { asPgherdError, errorDocument, renderError } from './render-error.ts'
import { plainStyle } from './style.ts'

const taken = new PgherdError({
  code: 'PGHERD_PORT_TAKEN',
  reason: 'system',
  message: 'port 5500 is taken',
  because: 'process 4711 (haproxy) listens there',
  hint: 'end it, or name another port in the spec',
  cause: new Error('EADDRINUSE', { cause: new Error('bind') }),
})

test('three lines: what, because, next', () => {
  expect(renderError(taken, plainStyle, false)).toEqual([
    'x error: port 5500 is taken',
    '  because: process 4711 (haproxy) listens there',
    '  next:    end it, or name another port in the spec (PGHERD_PORT_TAKEN)',
  ])
})

test('a narrow terminal breaks no word', () => {
  const lines = renderError(taken, plainStyle, false, 40)
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(40)
  expect(lines.join(' ').replace(/ +/g, ' ')).toBe(
    renderError(taken, plainStyle, false).join(' ').replace(/ +/g, ' '),
  )
})

test('--verbose adds the raw errors down to the first', () => {
  const raw = renderError(taken, plainStyle, true).join('\n')
  expect(raw).toContain('caused by: Error: EADDRINUSE')
  expect(raw).toContain('caused by: Error: bind')
})

describe('what nobody foresaw is a bug of ours, with exit code 1', () => {
  test.each([[new TypeError('x is undefined')], [new AssertionError('1 = 2')], ['a text']])(
    '%s',
    (thrown) => {
      const error = asPgherdError(thrown)
      expect(error.code).toBe('PGHERD_BUG')
      expect(error.exitCode).toBe(1)
      expect(error.message).toContain(thrown instanceof Error ? thrown.message : thrown)
    },
  )
})

test('as JSON: code, exit code, next step; with a spec its problems one by one', () => {
  expect(errorDocument(taken).error).toEqual({
    code: 'PGHERD_PORT_TAKEN',
    reason: 'system',
    exitCode: 6,
    message: 'port 5500 is taken',
    because: 'process 4711 (haproxy) listens there',
    next: 'end it, or name another port in the spec',
  })
  try {
    parseSpec('durabilty: quorum\n', 'cluster.yaml')
    expect.unreachable()
  } catch (error) {
    const document = errorDocument(asPgherdError(error))
    expect(document.error.exitCode).toBe(3)
    expect(document.error.problems).toMatchObject([{ line: 1, column: 1 }])
  }
})
