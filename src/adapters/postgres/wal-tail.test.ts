import { describe, expect, test } from 'vitest'
import { partsOf } from './wal-tail.ts'

const mib = 1024 * 1024

describe('tail of the WAL', () => {
  test('a few records → the pages they are on', () => {
    expect(partsOf(8192, 8192 + 100, 16 * mib)).toEqual([
      { position: 8192, offset: 8192, length: 8192, isLastOfSegment: true },
    ])
  })

  test('across a segment → cut there, each part in readable chunks', () => {
    const first = 32 * mib - 8192
    expect(partsOf(first, 38 * mib - 1, 16 * mib)).toEqual([
      { position: first, offset: 16 * mib - 8192, length: 8192, isLastOfSegment: true },
      { position: 32 * mib, offset: 0, length: 4 * mib, isLastOfSegment: false },
      { position: 36 * mib, offset: 4 * mib, length: 2 * mib, isLastOfSegment: true },
    ])
  })

  test('nothing missing → nothing to read', () => {
    expect(partsOf(16384, 16384, 16 * mib)).toEqual([])
  })
})
