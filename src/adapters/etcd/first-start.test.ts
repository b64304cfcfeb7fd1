import { describe, expect, it } from 'vitest'
import { asNodeName } from '../../core/names.ts'
import type { FirstStartFacts, VoterAnswer } from './first-start.ts'
import { decideFirstStart } from './first-start.ts'
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

const answersOf = (...ran: (boolean | null)[]): VoterAnswer[] =>
  ran.map((hasEverRun, index) => ({ node: [n1!, n2!][index]!, hasEverRun }))

const facts = (changes: Partial<FirstStartFacts> = {}): FirstStartFacts => ({
  self: n0!,
  ownPeerUrl,
  hasEverRunHere: false,
  answers: answersOf(false, false),
  members: null,
  ...changes,
})

describe('an empty voter', () => {
  it('all say that there is no store → founds', () => {
    expect(decideFirstStart(facts())).toEqual({ kind: 'found' })
  })

  it('a majority with itself says so, the third is silent → founds', () => {
    expect(decideFirstStart(facts({ answers: answersOf(null, false) })).kind).toBe('found')
  })

  it('nobody answers → waits, and says for whom', () => {
    expect(decideFirstStart(facts({ answers: answersOf(null, null) }))).toEqual({
      kind: 'wait',
      detail: 'waits for n1, n2: 2 of 3 voters must say that there is no store yet',
    })
  })

  it('somebody has run before, the store does not answer → waits, and says where', () => {
    expect(decideFirstStart(facts({ answers: answersOf(true, false) }))).toEqual({
      kind: 'wait',
      detail: 'the store has run before (on n1), but no majority of it answers; start n1, n2',
    })
  })

  it('single voter → founds, also when its store is lost', () => {
    for (const hasEverRunHere of [false, true]) {
      expect(decideFirstStart(facts({ answers: [], hasEverRunHere })).kind).toBe('found')
    }
  })

  it('in no list → joins', () => {
    expect(decideFirstStart(facts({ members: others }))).toEqual({ kind: 'join', replaces: [] })
  })

  it('a founder who comes late, its entry never served → its place is still its own', () => {
    const expected = member({ clientUrls: [] })
    expect(decideFirstStart(facts({ members: [...others, expected] })).kind).toBe('found')
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

  it('its entry never served, but this volume did → it is a former self', () => {
    const entry = member({ clientUrls: [] })
    const decision = decideFirstStart(facts({ hasEverRunHere: true, members: [entry] }))
    expect(decision.kind).toBe('join')
  })
})

describe('whatever is known', () => {
  const values = [true, false, null] as const

  it('founds beside others only when none has run and a majority says so', () => {
    let foundCount = 0
    for (const left of values) {
      for (const right of values) {
        for (const hasEverRunHere of [true, false]) {
          const decision = decideFirstStart(
            facts({ answers: answersOf(left, right), hasEverRunHere }),
          )
          if (decision.kind !== 'found') continue
          foundCount += 1
          expect([left, right, hasEverRunHere]).not.toContain(true)
          expect([left, right]).toContain(false)
        }
      }
    }
    expect(foundCount).toBe(3)
  })

  it('five voters → three must say so', () => {
    const names = ['a', 'b', 'c', 'd'].map(asNodeName)
    for (let sayingNever = 0; sayingNever <= 4; sayingNever += 1) {
      const answers = names.map((node, index) => ({
        node,
        hasEverRun: index < sayingNever ? false : null,
      }))
      expect(decideFirstStart(facts({ answers })).kind).toBe(sayingNever >= 2 ? 'found' : 'wait')
    }
  })
})
