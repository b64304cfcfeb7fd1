import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judgeVip, vipLimitsOf } from './vip-fitness.ts'
import type { VipFacts } from './vip-fitness.ts'

const limits = vipLimitsOf(250)
const healthy: VipFacts = {
  hasPartner: true,
  proxyDownMs: null,
  silentMs: 40,
  noPrimaryMs: null,
  isPrimaryReachedElsewhere: true,
  isYielding: false,
}
const reasonOf = (changes: Partial<VipFacts>): string | null =>
  judgeVip({ ...healthy, ...changes }, limits).unfitBecause

describe('fitness for the virtual address', () => {
  it.each([
    ['all is well', {}, null],
    ['HAProxy ended a moment ago', { proxyDownMs: 200 }, null],
    ['HAProxy stays away', { proxyDownMs: 601 }, /HAProxy/],
    ['one renewal was missed', { silentMs: 450 }, null],
    ['nobody is heard any more', { silentMs: 526 }, /network/],
    ['a primary has just failed', { noPrimaryMs: 900 }, null],
    ['two have it', { isYielding: true }, /do not hear each other/],
    ['only here no primary is reached', { noPrimaryMs: 1001 }, /another balancer/],
    [
      'there is no primary for anybody',
      { noPrimaryMs: 60_000, isPrimaryReachedElsewhere: false },
      null,
    ],
  ] as const)('%s', (_name, changes, expected) => {
    if (expected === null) expect(reasonOf(changes)).toBeNull()
    else expect(reasonOf(changes)).toMatch(expected)
  })

  it('the only balancer keeps it whatever happens', () => {
    const facts = fc.record({
      hasPartner: fc.constant(false),
      proxyDownMs: fc.option(fc.nat()),
      silentMs: fc.nat(),
      noPrimaryMs: fc.option(fc.nat()),
      isPrimaryReachedElsewhere: fc.boolean(),
      isYielding: fc.boolean(),
    })
    fc.assert(fc.property(facts, (each) => judgeVip(each, limits).unfitBecause === null))
  })

  it('who is isolated knows it before another balancer may take over', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 10_000 }), (advertMs) => {
        expect(vipLimitsOf(advertMs).silentMsMax).toBeLessThan(2.5 * advertMs)
      }),
    )
  })
})
