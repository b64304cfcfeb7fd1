import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lagBytes, parseLsn, renderLsn } from './lsn.ts'
import type { Lsn } from './lsn.ts'

describe('LSN', () => {
  it('text and number are the same thing, far beyond 32 bits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (value) => {
        expect(parseLsn(renderLsn(value as Lsn))).toBe(value)
      }),
    )
    expect(parseLsn('16/B374D848')).toBe(0x16_b374_d848)
    expect(renderLsn(0x16_b374_d848 as Lsn)).toBe('16/B374D848')
  })

  it('what is no LSN is refused', () => {
    for (const text of ['', '1', '1/', '/1', '1/G', '1/123456789', ' 1/1']) {
      expect(() => parseLsn(text), text).toThrow(RangeError)
    }
  })

  it('lag is never negative', () => {
    expect(lagBytes(5 as Lsn, 9 as Lsn)).toBe(0)
    expect(lagBytes(9 as Lsn, 5 as Lsn)).toBe(4)
  })
})
