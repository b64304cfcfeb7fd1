// Stories in which one rule of safety.md 2.3 and 2.4 is needed. Each follows the shortest trace of the
// explicit-state model for the flag in brackets; with all protections on, nothing is lost in them.

import type { Scenario } from '../scenario.ts'

/** Nothing but the votes of the store: processes may end without taking a voter away. */
const threeNodes = { topology: 'three', untilMs: 20_000 } as const

export const lostCommitScenarios: readonly Scenario[] = [
  {
    ...threeNodes,
    name: 'the receiver is still there',
    about:
      '[m2] A commit reaches a member after its answer, and a frozen primary hears of it later.',
    // The receiver takes its time to end, so that there is something to wait for.
    physics: { receiverStop: { typicalMs: 160, worstMs: 200 } },
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      const heal = stage.cut([a], [b, c], ['replication'])
      stage.commit(a)
      await stage.wait(30)
      stage.say('the primary stands still with a commit that waits')
      a.freeze()
      await stage.until('a member is asked to seal', () => (c.file.record.promise ?? 0) > 2)
      heal()
      await stage.until('somebody else has opened', () => {
        return [b, c].some((node) => node.server?.role === 'primary')
      })
      a.thaw()
    },
  },
  {
    ...threeNodes,
    name: 'a receiver that was asked for without an answer',
    about:
      '[m2] A standby was told to follow and nobody knows whether it does; it begins after its answer.',
    physics: { quit: { typicalMs: 180, worstMs: 240 } },
    // It proves, and leaves the candidacy to the other one.
    noFailover: [2],
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.down(c)
      await stage.until('it has ended', () => c.server === null)
      const heal = stage.cut([a], [b, c], ['replication'])
      c.halfDone.delayMs = 4000
      c.halfDone.decide = (call, argument) => {
        if (call !== 'configure') return null
        const { upstream } = argument as { readonly upstream: unknown }
        if (upstream === null) return null
        return (c.file.record.promise ?? 0) > 2 ? 'nothing done' : 'still to come'
      }
      stage.up(c)
      await stage.until('it was told to follow', () => {
        return c.server?.role === 'standby' && c.directory.config?.upstream !== null
      })
      stage.commit(a)
      await stage.wait(30)
      stage.say('the primary stands still with a commit that waits')
      a.freeze()
      heal()
      await stage.opened(b)
      await stage.until('what was still to come has come', () => c.server?.receiver !== null, 6000)
      a.thaw()
    },
  },
  {
    ...threeNodes,
    name: 'too few members',
    about: '[m6] One member of two proves nothing about commits that the other one acknowledged.',
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.cut([c], [a, b], ['replication'])
      await stage.committed(a)
      stage.down(a)
      stage.down(b)
      await stage.opened(c)
    },
  },
  {
    ...threeNodes,
    name: 'elected under two lists',
    about:
      '[m3b] A new primary that replaces the record lets a third one be elected without a commit.',
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.cut([c], [a, b], ['replication'])
      await stage.committed(a)
      stage.down(a)
      await stage.elected(b)
      stage.down(b)
      await stage.opened(c)
    },
  },
  {
    ...threeNodes,
    name: 'the list of the elected',
    about: '[m5b] A new primary drops the old list before its own has everything.',
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.cut([c], [a, b], ['replication'])
      await stage.committed(a)
      stage.down(a)
      await stage.opened(b)
      await stage.wait(100)
      stage.down(b)
      await stage.opened(c)
    },
  },
  {
    ...threeNodes,
    name: 'a list that is narrowed',
    about: '[m5] The list shrinks to a member that does not have everything yet.',
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.cut([a], [c], ['replication'], 'one-way')
      await stage.committed(a)
      stage.down(b)
      await stage.until('commits wait for the member that lags, and for nobody else', () => {
        const record = stage.world.store.sync?.value
        return record?.lists.length === 1 && record.target.members.length === 1
      })
      stage.down(a)
      await stage.opened(c)
    },
  },
  {
    ...threeNodes,
    name: 'a candidate outside the list',
    about: '[m9] A candidate that no commit waited for counts itself.',
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.down(c)
      await stage.listIs(b)
      await stage.committed(a)
      stage.down(a)
      stage.down(b)
      stage.up(c)
      await stage.opened(c)
    },
  },
  {
    name: 'the longer branch is the older one',
    about: '[lsnonly] An abandoned branch with much WAL against a short one with a commit.',
    topology: 'five',
    syncStandbys: 2,
    // They prove, and leave the candidacy to the node with the abandoned branch.
    noFailover: [3, 4],
    untilMs: 15_000,
    tell: async (stage) => {
      const { a, b, c, d, e } = await stage.settled()
      stage.cut([c, d, e], [a], ['replication'])
      for (let count = 0; count < 20; count++) stage.commit(a)
      await stage.wait(100)
      stage.down(a)
      stage.down(b)
      await stage.until(`${c.name} serves`, () => stage.serving() === c)
      await stage.streaming(c, d, e)
      await stage.committed(c)
      stage.down(c)
      await stage.wait(1500)
      stage.up(b)
      await stage.opened(b)
    },
  },
  {
    ...threeNodes,
    name: 'an empty list',
    about: '[emptyk1] Commits waited for nobody, and a standby that lacks them is promoted.',
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.down(b)
      stage.down(c)
      await stage.listIs()
      await stage.committed(a)
      stage.down(a)
      stage.up(b)
      stage.up(c)
      await stage.until('a standby has opened', () => {
        return [b, c].some((node) => node.server?.role === 'primary')
      })
    },
  },
  {
    ...threeNodes,
    name: 'a copied folder',
    about: 'Two nodes stream under one incarnation, and the one that lacks a commit is elected.',
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.say(`a person starts ${c.name} from a copy of the folder of ${b.name}`)
      c.runFromCopyOf(b)
      await stage.listIs(b)
      await stage.streaming(a, b, c)
      stage.cut([b], [a], ['replication'])
      await stage.committed(a)
      stage.down(a)
      stage.down(c)
      await stage.opened(b)
    },
  },
  {
    ...threeNodes,
    name: 'a copied folder of an older version',
    about: 'Nobody keeps the copy from streaming: commits stop waiting for either of the two.',
    isDemanded: true,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.say(`a person starts ${c.name} from a copy of the folder of ${b.name}`)
      c.isOldVersion = true
      const putBack = c.runFromCopyOf(b)
      await stage.streaming(a, b, c)
      await stage.listIs()
      stage.cut([b], [a], ['replication'])
      await stage.committed(a)
      stage.down(a)
      await stage.wait(6000)
      stage.say('nobody is elected under an incarnation of two; the folder is put back')
      c.isOldVersion = false
      putBack()
      stage.up(a)
      await stage.until('the former primary serves again', () => stage.serving() === a)
    },
  },
  {
    ...threeNodes,
    name: 'a cloned machine',
    about: 'A second agent publishes as a node: the node counts for nothing as long as it does.',
    isDemanded: true,
    untilMs: 60_000,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.say(`another agent publishes as ${b.name}`)
      for (let count = 0; count < 8; count++) {
        const report = stage.world.store.reports.get(b.name)?.value
        if (report !== undefined) {
          stage.world.storeModel.publish({ ...report, agent: { run: 'clone', rival: null } })
        }
        await stage.wait(2500)
      }
      await stage.listIs(c)
      stage.say('it has ended')
      await stage.until(
        'commits wait for both again',
        () => {
          return stage.world.store.sync?.value.target.members.length === 2
        },
        30_000,
      )
      await stage.committed(a)
    },
  },
  {
    ...threeNodes,
    name: 'a former primary comes back',
    about: '[m8b] Who was primary before resumes although another was elected since.',
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      stage.down(a)
      const next = await stage.primary()
      await stage.streaming(next, next === b ? c : b)
      await stage.committed(next)
      stage.down(next === b ? c : b)
      stage.say('the new primary is stopped in order, so that nobody holds the lease')
      next.stopAgent()
      await stage.until('it has ended', () => next.running === null)
      stage.up(a)
      await stage.opened(a)
    },
  },
]
