// Stories about the lease and its guard (safety.md 2.1, 2.2): nobody writes beyond its deadline.

import type { SimNode } from '../node.ts'
import type { Scenario, Stage } from '../scenario.ts'

/** Clients that are connected directly go on writing, for longer than any lease lasts. */
async function commitOn(stage: Stage, node: SimNode): Promise<void> {
  for (let count = 0; count < 400; count++) {
    stage.commit(node)
    await stage.wait(10)
  }
}

export const rightToWriteScenarios: readonly Scenario[] = [
  {
    name: 'the agent hangs',
    about: 'The agent of the primary is frozen; clients go on writing until somebody stops them.',
    topology: 'three',
    untilMs: 12_000,
    tell: async (stage) => {
      const { a } = await stage.settled()
      a.freezeAgent()
      await commitOn(stage, a)
    },
  },
  {
    name: 'a server started by hand',
    about:
      'The agent of the primary is frozen, and a person restarts PostgreSQL: the guard did not start it.',
    topology: 'three',
    untilMs: 12_000,
    tell: async (stage) => {
      const { a } = await stage.settled()
      a.freezeAgent()
      stage.say(`a person restarts PostgreSQL of ${a.name}`)
      a.restartByHand()
      await commitOn(stage, a)
    },
  },
  {
    name: 'the store is out of reach',
    about:
      'The primary is cut off from the store and from its peers; a client is still connected to it.',
    topology: 'three',
    // The slowest clock that the contract allows for against the fastest.
    clockRates: [0.98, 1.02, 1.02],
    untilMs: 12_000,
    tell: async (stage) => {
      const { a } = await stage.settled()
      stage.cut([a], stage.others(a))
      await commitOn(stage, a)
    },
  },
  {
    name: 'backends without a postmaster',
    about: 'The postmaster is killed while clients are busy; commits wait for nobody.',
    topology: 'three',
    durability: 'async',
    directWriters: 8,
    untilMs: 12_000,
    tell: async (stage) => {
      const { a } = await stage.settled()
      await stage.wait(500)
      stage.say(`SIGKILL to the postmaster of ${a.name}`)
      a.killPostmaster()
    },
  },
  {
    name: 'an agent that knows nothing, and a guard that hangs',
    about:
      'The agent of the primary is started again without the store, and then its guard is frozen.',
    topology: 'three',
    untilMs: 12_000,
    tell: async (stage) => {
      const { a } = await stage.settled()
      a.killAgent()
      stage.cut([a], stage.others(a), ['store', 'peers'])
      await stage.until('the agent is back', () => a.running !== null)
      await stage.wait(stage.random.between(30, 200))
      stage.say(`the guard of ${a.name} is frozen`)
      a.freezeGuard()
      await commitOn(stage, a)
    },
  },
]
