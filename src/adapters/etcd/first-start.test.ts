import { describe, expect, it } from 'vitest'
import { asNodeName } from '../../core/names.ts'
import type { ClusterTrace } from '../../ports/peers.ts'
import type { FirstStartFacts, NodeAnswer } from './first-start.ts'
import { decideFirstStart, isClusterKnown } from './first-start.ts'
import type { ListedMember } from './messages.ts'

const [n0, n1, n2] = ['n0', 'n1', 'n2'].map(asNodeName)
const ownPeerUrl = 'http://10.0.0.1:2480'

const member = (changes: Partial<ListedMember>): ListedMember => ({
  id: '7',
  name: 'n0',
  peerUrls: [ownPeerUrl],
  clientUrls: ['http://10.0.0.1:2379'],
  ...changes,
})
const others: readonly ListedMember[] = [
  member({ id: '1', name: 'n1', peerUrls: ['http://10.0.0.2:2480'] }),
  member({ id: '2', name: 'n2', peerUrls: ['http://10.0.0.3:2480'] }),
]

/** What n0, n1, n2 and the standby s3, which does not vote, say; null: silent. */
const answersOf = (...said: (readonly ClusterTrace[] | null)[]): NodeAnswer[] =>
  said.map((traces, index) => ({
    node: [n0!, n1!, n2!, asNodeName('s3')][index]!,
    traces,
    foundingToken: null,
  }))
const nothing = answersOf([], [], [], [])
const withToken = (answers: readonly NodeAnswer[], tokens: Record<string, string>): NodeAnswer[] =>
  answers.map((answer) => ({ ...answer, foundingToken: tokens[answer.node] ?? null }))

const facts = (changes: Partial<FirstStartFacts> = {}): FirstStartFacts => ({
  self: n0!,
  ownPeerUrl,
  hasEverRunHere: false,
  ownToken: null,
  answers: nothing,
  voters: [n0!, n1!, n2!],
  members: null,
  ...changes,
})

describe('an empty voter', () => {
  it('every node says that it knows nothing → the first voter founds and draws the token', () => {
    expect(decideFirstStart(facts())).toEqual({ kind: 'found', token: null })
  })

  it('the other voters wait for it, then found under its token', () => {
    expect(decideFirstStart(facts({ self: n2! }))).toEqual({
      kind: 'wait',
      detail: 'waits for n0 to found the etcd cluster',
    })
    const answers = withToken(nothing, { n0: 'a' })
    expect(decideFirstStart(facts({ self: n2!, answers }))).toEqual({ kind: 'found', token: 'a' })
  })

  it('the first voter began anew, another founds already → takes its token', () => {
    const answers = withToken(nothing, { n1: 'a' })
    expect(decideFirstStart(facts({ answers }))).toEqual({ kind: 'found', token: 'a' })
  })

  it('killed in the middle of a founding → goes on with its own token', () => {
    expect(decideFirstStart(facts({ ownToken: 'a' }))).toEqual({ kind: 'found', token: 'a' })
  })

  it('two foundings → nobody joins either', () => {
    const answers = withToken(nothing, { n0: 'a', n1: 'b' })
    const decision = decideFirstStart(facts({ answers, ownToken: 'a' }))
    expect(decision.kind === 'wait' && decision.detail).toContain('n0, n1 began different')
  })

  it.each([
    ['a voter', answersOf([], [], null, []), 'n2'],
    ['a node that does not vote', answersOf([], [], [], null), 's3'],
    ['its own agent', answersOf(null, [], [], []), 'n0'],
  ])('%s is silent → waits, and says for whom', (_, answers, silent) => {
    expect(decideFirstStart(facts({ answers }))).toEqual({
      kind: 'wait',
      detail:
        `waits for an answer from ${silent}: a new etcd cluster is founded only after every node ` +
        'has answered that it has no data',
    })
  })

  it('a standby that does not vote has data → waits, and says who, why and what to do', () => {
    const answers = answersOf([], [], null, ['promise', 'system-id', 'data'])
    expect(decideFirstStart(facts({ answers }))).toEqual({
      kind: 'wait',
      detail:
        'a cluster exists (s3 has a promise and has a system identifier and has data), but no majority ' +
        'of etcd answers, and a second etcd cluster must not be founded beside it: start n1, n2 with ' +
        'their etcd directories; no answer from n2',
    })
  })

  it('it has run here → says that the directory was lost', () => {
    expect(decideFirstStart(facts({ hasEverRunHere: true }))).toEqual({
      kind: 'wait',
      detail:
        'etcd ran on n0 before, but its directory is empty (volume not mounted, or deleted), and no ' +
        'majority of etcd answers: mount the volume or put the directory back, or start n1, n2',
    })
  })

  it.each([
    ['its store is lost', { hasEverRunHere: true }],
    ['it has a promise', { answers: answersOf(['promise']) }],
    ['it has data', { answers: answersOf(['data']) }],
    ['a standby has data', { answers: answersOf([], ['data']) }],
  ])('single voter, %s → founds nothing', (_, changes) => {
    const decision = decideFirstStart(facts({ voters: [n0!], answers: answersOf([]), ...changes }))
    expect(decision.kind).toBe('wait')
  })

  it('single voter of a new cluster → founds', () => {
    const decision = decideFirstStart(facts({ voters: [n0!], answers: answersOf([]) }))
    expect(decision).toEqual({ kind: 'found', token: null })
  })

  it('in no list → joins', () => {
    expect(decideFirstStart(facts({ members: others }))).toEqual({ kind: 'join', replaces: [] })
  })

  it('a founder who comes late, its entry never served → its place is still its own', () => {
    const expected = member({ clientUrls: [] })
    expect(decideFirstStart(facts({ members: [...others, expected] }))).toEqual({
      kind: 'take-place',
      id: '7',
    })
  })

  it.each([
    ['its entry served: this volume was wiped', member({})],
    ['added and never started', member({ name: '', clientUrls: [] })],
    ['its name at another address', member({ peerUrls: ['http://10.0.0.9:2480'] })],
    ['its address under another name', member({ name: 'older' })],
  ])('%s → that entry is replaced', (_, former) => {
    const decision = decideFirstStart(facts({ members: [...others, former] }))
    expect(decision).toEqual({ kind: 'join', replaces: [former] })
  })

  it('two entries of a former self → both are replaced', () => {
    const former = [member({ id: '8', clientUrls: [] }), member({ id: '9', name: '' })]
    const decision = decideFirstStart(facts({ members: [...others, ...former] }))
    expect(decision).toEqual({ kind: 'join', replaces: former })
  })

  it('its entry never served, but etcd ran or was started here → it is a former self', () => {
    const entry = member({ clientUrls: [] })
    for (const changes of [{ hasEverRunHere: true }, { ownToken: 'a' }]) {
      expect(decideFirstStart(facts({ ...changes, members: [entry] })).kind).toBe('join')
    }
  })
})

describe('whatever is known', () => {
  const traces: readonly (readonly ClusterTrace[] | null)[] = [
    null,
    [],
    ['store'],
    ['promise'],
    ['system-id'],
    ['data'],
    ['store', 'promise', 'system-id', 'data'],
  ]

  it('founds only when every node has answered and none knows of a cluster', () => {
    let foundCount = 0
    let allCount = 0
    for (const a of traces) {
      for (const b of traces) {
        for (const c of traces) {
          for (const d of traces) {
            for (const hasEverRunHere of [true, false]) {
              for (const self of [n0!, n2!]) {
                for (const ownToken of [null, 'a']) {
                  allCount += 1
                  const answers = answersOf(a, b, c, d)
                  const all = facts({ self, answers, hasEverRunHere, ownToken })
                  const decision = decideFirstStart(all)
                  expect(['found', 'wait']).toContain(decision.kind)
                  if (decision.kind !== 'found') continue
                  foundCount += 1
                  expect(isClusterKnown(all)).toBe(false)
                  expect([a, b, c, d].map((said) => said?.length)).toEqual([0, 0, 0, 0])
                }
              }
            }
          }
        }
      }
    }
    expect(allCount).toBe(7 ** 4 * 8)
    // The first voter, with and without a token, and another with one.
    expect(foundCount).toBe(3)
  })
})
