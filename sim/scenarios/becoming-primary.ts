// Stories about a candidate that cannot (I10): the lease must not stay with it.

import type { SimNode } from '../node.ts'
import type { Scenario } from '../scenario.ts'

export const becomingPrimaryScenarios: readonly Scenario[] = [
  {
    name: 'the disk of the candidate hangs',
    about: 'The primary dies, and on the standby whose turn it is nothing can be flushed any more.',
    topology: 'three',
    // One of two has every commit, so the other may be promoted alone.
    syncStandbys: 2,
    writers: 2,
    untilMs: 40_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      await stage.wait(stage.random.between(100, 300))
      stage.say(`the disk of ${b.name} hangs`)
      b.hangDisk(60_000)
      stage.down(a)
      await stage.until(`${c.name} serves`, () => stage.serving() === c)
    },
  },
  {
    name: 'no connection is left on the candidate',
    about: 'The primary dies, and on one standby it cannot be proved that the gate is shut.',
    topology: 'three',
    untilMs: 30_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      b.directory.isCrowded = true
      stage.down(a)
      await stage.until(`${c.name} serves`, () => stage.serving() === c)
    },
  },
  {
    name: 'directories cannot be looked at',
    about:
      'The primary dies while PostgreSQL runs well on the standbys, but its programs cannot start.',
    topology: 'three',
    untilMs: 30_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      for (const node of [b, c]) node.directory.isUnreadable = true
      stage.down(a)
      await stage.until('another serves', () => [b, c].some((node) => stage.serving() === node))
      for (const node of [b, c]) node.directory.isUnreadable = false
    },
  },
  {
    name: 'no slot is left on a new primary',
    about: 'The primary dies, and on both standbys an operator has taken every place for slots.',
    topology: 'three',
    untilMs: 30_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      for (const node of [b, c]) node.directory.hasNoSlotLeft = true
      stage.down(a)
      await stage.until('another serves', () => [b, c].some((node) => stage.serving() === node))
    },
  },
  {
    name: 'no slot is left, and a standby dies',
    about:
      'On the primary an operator has taken every place for slots; then a member of the list dies.',
    topology: 'three',
    untilMs: 40_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      a.directory.hasNoSlotLeft = true
      await stage.wait(6000)
      stage.down(c)
      await stage.listIs(b)
    },
  },
  {
    name: 'a candidate gives up',
    about:
      'The primary dies, and nobody answers the first candidate in time; the next has no reason to wait.',
    topology: 'three',
    untilMs: 30_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      const heal = stage.cut([b], [c], ['peers'])
      stage.down(a)
      const { plan } = stage.world.layout
      const holds = (node: SimNode) => stage.world.holder === node
      await stage.until('a candidate asks', () => [b, c].some(holds))
      const [first, next] = holds(b) ? [b, c] : [c, b]
      await stage.wait(stage.random.between(plan.sealTimeoutMs / 4, plan.sealTimeoutMs / 2))
      heal()
      await stage.until(`${first.name} gives the lease back`, () => !holds(first))
      await stage.until(`${next.name} serves`, () => stage.serving() === next, plan.ttlMs)
    },
  },
  {
    name: 'the answer to a promotion is lost',
    about: 'A standby was promoted, and its agent learns it only by looking (I9).',
    topology: 'three',
    untilMs: 30_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      for (const node of [b, c]) node.directory.losesPromotionAnswer = true
      stage.down(a)
      await stage.until('another serves', () => [b, c].some((node) => stage.serving() === node))
      const { storeModel } = stage.world
      await stage.until('the events tell of the promotion', () =>
        storeModel.readEvents(100).some((event) => event.kind === 'promoted'),
      )
    },
  },
]
