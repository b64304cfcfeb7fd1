import { describe, expect, it } from 'vitest'
import {
  facts,
  incarnation,
  layout,
  nodeLayout,
  primary,
  storeView,
  walsender,
} from '../../test/support/facts.ts'
import { makeList } from './sync-list.ts'
import { successorOf } from './succession.ts'
import { judgeSwitchover } from './switchover.ts'
import { asNodeName } from './names.ts'

/** One name begins as another: `pg` and `pg-1`. */
function clusterOf(durability: 'quorum' | 'async', isShortNameEligible: boolean) {
  const list = makeList(1, [incarnation('pg-1')])
  return facts('pg-0', {
    layout: layout([], {
      durability,
      nodes: [
        nodeLayout('pg', { postgresPort: 5439, noFailover: !isShortNameEligible }),
        nodeLayout('pg-0'),
        nodeLayout('pg-1', { noFailover: isShortNameEligible }),
      ],
    }),
    store: storeView({ sync: { lists: [list], target: list } }),
    server: primary([walsender('pg-1', 1000)]),
    lastWalsenders: [walsender('pg-1', 1000)],
  })
}

describe('succession: the name of one node begins as that of another', () => {
  it.each(['quorum', 'async'] as const)('noFailover of pg says nothing about pg-1 (%s)', (mode) => {
    expect(successorOf(clusterOf(mode, false))).toBe('pg-1')
  })

  it.each(['quorum', 'async'] as const)('noFailover of pg-1 is not hidden by pg (%s)', (mode) => {
    expect(successorOf(clusterOf(mode, true))).toBeNull()
  })

  it('async: a switchover to pg is not judged by the position of pg-1', () => {
    const view = judgeSwitchover(clusterOf('async', true), asNodeName('pg'))
    expect(view).toMatchObject({
      kind: 'impossible',
      why: 'pg is not a listed, streaming standby',
    })
  })
})
