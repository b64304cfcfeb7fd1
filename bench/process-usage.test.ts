import { describe, expect, test } from 'vitest'
import { parseKilobytes, parseTicks, readParent, readUsage } from './process-usage.ts'

describe('process usage', () => {
  test('a name with blanks and parentheses → the numbers behind it', () => {
    const stat =
      '41 (a ) (b) S 7 41 41 0 -1 4194560 901 0 0 0 120 34 0 0 20 0 11 0 9999 1000 2000 184467'
    expect(parseTicks(stat)).toBe(154)
  })

  test('smaps_rollup → the named line, a missing one is refused', () => {
    const rollup = '55d-7ff ---p 00000000 00:00 0 [rollup]\nRss:    1234 kB\nPss:     900 kB\n'
    expect(parseKilobytes(rollup, 'Pss')).toBe(900)
    expect(() => parseKilobytes(rollup, 'Swap')).toThrow(RangeError)
  })

  test('this very process → plausible; a process that is gone → null', async () => {
    const usage = await readUsage(process.pid)
    expect(usage?.residentBytes).toBeGreaterThan(10_000_000)
    expect(usage?.proportionalBytes).toBeLessThanOrEqual(usage?.residentBytes ?? 0)
    expect(usage?.cpuMs).toBeGreaterThan(0)
    expect(await readParent(process.pid)).toBe(process.ppid)
    expect(await readUsage(2 ** 30)).toBeNull()
  })
})
