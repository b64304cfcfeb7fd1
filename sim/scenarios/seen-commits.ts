// Stories about the gate (safety.md 2.5): what clients could see counts as promised.

import type { Scenario } from '../scenario.ts'

/** A commit that waits for two standbys is on one of them only, which is promoted, and lost after that. */
const promoteWithWhatWaited: Scenario['tell'] = async (stage) => {
  const { a, b, c } = await stage.settled()
  stage.cut([c], [a, b], ['replication'])
  stage.commit(a)
  await stage.wait(40)
  stage.down(a)
  await stage.until('a client is let in', () => stage.commit(b).outcome !== 'refused', 4000)
  stage.down(b)
  await stage.opened(c)
}

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
    tell: promoteWithWhatWaited,
  },
  {
    name: 'a reader stays for the promotion',
    about: 'A reload that comes late lets somebody in who reads on, and on, into the new primary.',
    topology: 'three',
    syncStandbys: 2,
    physics: { reload: { typicalMs: 120, worstMs: 200 } },
    untilMs: 20_000,
    tell: promoteWithWhatWaited,
  },
  {
    name: 'the gate at the fork',
    about:
      '[pfork] A member that has all but the first record of the new branch seems older than a dead one.',
    topology: 'four and a witness',
    syncStandbys: 2,
    // It proves, and leaves the candidacy to the others.
    noFailover: [2],
    physics: { nextTimeline: { typicalMs: 900, worstMs: 1000 } },
    untilMs: 25_000,
    tell: async (stage) => {
      const { a, b, c, d } = await stage.settled()
      stage.cut([a], [c, d], ['replication'])
      stage.commit(a)
      await stage.wait(60)
      stage.down(a)
      stage.down(b)
      const heal = stage.cut([c], [d], ['replication'])
      await stage.opened(d)
      stage.say(`${d.name} has begun a branch that nobody has`)
      stage.down(d)
      heal()
      stage.up(b)
      await stage.opened(b)
      const fork = b.directory.wal.tip.before
      await stage.until(`${c.name} has everything up to the fork`, () => {
        return fork !== null && c.directory.wal.flushedTip === fork
      })
      stage.cut([b], [c], ['replication'], 'one-way')
      await stage.until('a client is let in', () => stage.commit(b).outcome !== 'refused', 1000)
      stage.down(b)
      stage.up(d)
      await stage.opened(d)
    },
  },
]
