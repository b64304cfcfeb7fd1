// Which id the next promotion gets, and how a foreign branch relates to it.

import { expect, it } from 'vitest'
import { asEpoch, asTimeline } from './names.ts'
import { kinshipOf, nextTimeline } from './position.ts'
import type { Lsn } from './lsn.ts'

const births = [
  { timeline: asTimeline(1), epoch: asEpoch(2) },
  { timeline: asTimeline(3), epoch: asEpoch(5) },
]

it('nobody has promoted by hand → the id after the last one that was reserved', () => {
  expect(nextTimeline(births, [asTimeline(1), asTimeline(3)])).toBe(4)
})

it('a person has promoted a server to the id that would come next → it is left to that branch', () => {
  const foreign = { timeline: asTimeline(4), flushLsn: 500 as Lsn }
  const next = nextTimeline(births, [asTimeline(3), foreign.timeline])
  expect(next).toBe(5)
  // So the foreign branch is no ancestor of the new primary's, and has to be rewound.
  const history = [{ timeline: asTimeline(3), endLsn: 400 as Lsn }]
  expect(kinshipOf(foreign, next, history)).toEqual({ kind: 'unrelated' })
})

it('an id that nobody can have reached → not believed', () => {
  expect(nextTimeline(births, [asTimeline(2 ** 31)])).toBe(4)
})
