// Stories about the gate (safety.md 2.5): what clients could see counts as promised.

import type { Scenario } from '../scenario.ts'

export const seenCommitScenarios: readonly Scenario[] = [
  {
    name: 'a restart shows what was waiting',
    about: '[nogate] A commit that no standby has becomes visible when its primary starts again.',
    topology: 'three',
    untilMs: 20_000,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.cut([a], [b, c], ['replication'])
      stage.commit(a)
      await stage.wait(40)
      stage.say('the postmaster dies, and the agent starts it again')
      a.killPostmaster()
      await stage.until('a client is let in', () => stage.commit(a).outcome !== 'refused', 1500)
      stage.down(a)
      await stage.until('a standby has opened', () => {
        return [b, c].some((node) => node.server?.role === 'primary')
      })
    },
  },
  {
    name: 'a promotion shows what was waiting',
    about: '[gate_restart_only] A commit that only the new primary has becomes visible on it.',
    topology: 'three',
    syncStandbys: 2,
    untilMs: 20_000,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.cut([c], [a, b], ['replication'])
      stage.commit(a)
      await stage.wait(40)
      stage.down(a)
      await stage.until('a client is let in', () => stage.commit(b).outcome !== 'refused', 4000)
      stage.down(b)
      await stage.opened(c)
    },
  },
]
