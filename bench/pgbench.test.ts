import { describe, expect, test } from 'vitest'
import { parsePgbench } from './pgbench.ts'

describe('report of pgbench', () => {
  test('full run → transactions and rate', () => {
    const output = [
      'pgbench (15.18 (Debian 15.18-0+deb12u1))',
      'transaction type: <builtin: TPC-B (sort of)>',
      'number of transactions actually processed: 1234',
      'number of failed transactions: 0 (0.000%)',
      'latency average = 8.1 ms',
      'initial connection time = 12.3 ms',
      'tps = 493.521908 (without initial connection time)',
    ].join('\n')
    expect(parsePgbench(output)).toEqual({ transactions: 1234, tps: 493.521908 })
  })

  test('nobody could connect → nothing', () => {
    const output = 'pgbench: error: connection to server failed\n'
    expect(parsePgbench(output)).toEqual({ transactions: 0, tps: null })
  })
})
