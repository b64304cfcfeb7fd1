// Stories about changing the list (safety.md 2.4): when a setting counts, and when it does not yet.

import type { Scenario } from '../scenario.ts'

/** Every other process does not get to run for a while after a reload. */
const stalls = { reloadStallRate: 0.5 } as const

export const listChangeScenarios: readonly Scenario[] = [
  {
    name: 'from the empty list',
    about: '[checkpointer] The new setting is shown, and commits still return at once.',
    topology: 'three',
    physics: stalls,
    writers: 2,
    untilMs: 15_000,
    tell: async (stage) => {
      const { b, c } = await stage.settled()
      stage.down(b)
      stage.down(c)
      await stage.listIs()
      stage.up(b)
      await stage.listIs(b)
      await stage.wait(500)
    },
  },
  {
    name: 'a member leaves',
    about: '[walsnd] A walsender still lets commits go by the list that the record has dropped.',
    topology: 'three',
    physics: stalls,
    writers: 2,
    untilMs: 15_000,
    tell: async (stage) => {
      const { b, c } = await stage.settled()
      stage.down(c)
      await stage.listIs(b)
      await stage.wait(500)
      stage.up(c)
      await stage.listIs(b, c)
      await stage.wait(500)
    },
  },
]
