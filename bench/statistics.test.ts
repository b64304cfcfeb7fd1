import { describe, expect, test } from 'vitest'
import { median, summarise } from './statistics.ts'

describe('statistics', () => {
  test('odd and even samples → middle, and mean of the two middle ones', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([7])).toBe(7)
  })

  test('order of the sample → does not matter and is not changed', () => {
    const sample = [30, 10, 20]
    expect(summarise(sample)).toEqual({ count: 3, min: 10, median: 20, max: 30 })
    expect(sample).toEqual([30, 10, 20])
  })

  test('empty sample → null, and no median', () => {
    expect(summarise([])).toBeNull()
    expect(() => median([])).toThrow(RangeError)
  })
})
