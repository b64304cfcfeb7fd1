import { describe, expect, it } from 'vitest'
import { parseDelays, planDelay } from './delays.ts'

const queues = (...seconds: readonly number[]) =>
  JSON.stringify([
    { kind: 'noqueue', dev: 'switch', options: {} },
    ...seconds.map((delay, index) => ({
      kind: 'netem',
      dev: `port${String(index)}`,
      options: { limit: 1000, delay: { delay, jitter: 0, correlation: 0 } },
    })),
  ])

describe('delays of cables', () => {
  it('are read as they were set, parts of a millisecond too', () => {
    expect([...parseDelays(queues(0.02, 0.0004, 0.001234))]).toEqual([
      ['port0', 20],
      ['port1', 0.4],
      ['port2', 1.234],
    ])
    expect(parseDelays('').size).toBe(0)
  })

  it('one that is there is removed, however short it is', () => {
    const present = parseDelays(queues(0.0004, 0)).get('port0') ?? null
    expect(planDelay('port0', present)?.join(' ')).toBe('qdisc del dev port0 root')
    expect(planDelay('port1', 0)?.join(' ')).toBe('qdisc del dev port1 root')
    expect(planDelay('port2', null)).toBeNull()
  })

  it('one that is another is replaced, and the same one stays', () => {
    expect(planDelay('eth0', null, 0.4)?.join(' ')).toBe(
      'qdisc replace dev eth0 root netem delay 0.4ms',
    )
    expect(planDelay('eth0', 20, 30)?.join(' ')).toContain('delay 30ms')
    expect(planDelay('eth0', 20, 20)).toBeNull()
  })
})
