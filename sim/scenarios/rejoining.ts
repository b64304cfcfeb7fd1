// Stories about branches and about nodes that come back (safety.md 2.3 rules 2 and 4).

import type { SimNode } from '../node.ts'
import type { Scenario } from '../scenario.ts'

export const rejoiningScenarios: readonly Scenario[] = [
  {
    name: 'a rewound node is asked to seal',
    about:
      '[nofollowprom, clone_evidence] The old primary comes back, is rewound, and has not caught up.',
    topology: 'three',
    untilMs: 20_000,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.cut([a], [b, c], ['replication'])
      stage.commit(a)
      await stage.wait(40)
      stage.down(a)
      const next = await stage.primary()
      stage.world.network.healAll()
      for (let count = 0; count < 5; count++) await stage.committed(next)
      stage.up(a)
      await stage.until(`${a.name} was rewound`, () => a.directory.mustPass !== null)
      stage.cut([a], [b, c], ['replication'])
      stage.down(next)
      await stage.wait(4000)
    },
  },
  {
    name: 'elected twice',
    about: '[tlicount] Two promotions that know nothing of each other take the same timeline id.',
    topology: 'three',
    syncStandbys: 2,
    untilMs: 20_000,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.cut([b], [c], ['replication'])
      stage.down(a)
      await stage.until('somebody has opened', () => {
        return [b, c].some((node) => node.server?.role === 'primary')
      })
      const [first, second] = b.server?.role === 'primary' ? [b, c] : [c, b]
      stage.down(first)
      await stage.opened(second)
    },
  },
  {
    name: 'an agent dies after its standby was detached',
    about:
      'The disk hangs, so the receiver goes on for a while, and the next agent takes it for told to.',
    topology: 'two and a witness',
    untilMs: 60_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a, b } = await stage.settled()
      const isHeldBy = (node: SimNode) => stage.world.holder === node
      stage.say(`the disk of ${b.name} hangs`)
      b.hangDisk(12_000)
      stage.commit(a)
      await stage.wait(50)
      a.killGuard()
      await stage.until(`${b.name} has the lease`, () => isHeldBy(b))
      b.freezeAgent()
      await stage.until(`${a.name} has the lease again`, () => isHeldBy(a))
      b.thawAgent()
      await stage.until(`${b.name} is detached`, () => b.directory.config?.upstream === null)
      b.killAgent()
      await stage.until(`${a.name} serves`, () => stage.serving() === a)
      await stage.streaming(a, b)
    },
  },
  {
    name: 'the guard of a standby hangs',
    about: 'A standby streams on, but nobody could reload, stop or promote it.',
    topology: 'three',
    untilMs: 30_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a, b } = await stage.settled()
      const former = b.guard
      stage.say(`the guard of ${b.name} is frozen`)
      b.freezeGuard()
      await stage.until(`${b.name} has another guard`, () => b.guard !== null && b.guard !== former)
      await stage.streaming(a, b)
    },
  },
]
