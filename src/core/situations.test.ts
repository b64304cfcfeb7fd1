// All situations, not a sample: each has a rule, each rule is reached, and no decision breaks safety.

import { describe, expect, it } from 'vitest'
import { decide, isMatch } from './decide.ts'
import type { DecisionKind } from './decision.ts'
import { decisionKinds } from './decision.ts'
import { rules } from './rules.ts'
import type { Situation } from './situation.ts'
import { allSituations, canonical } from './situation.ts'

const situations = allSituations()

/** Situations for which `condition` holds, decided. */
function decided(
  condition: (situation: Situation) => boolean,
): readonly (readonly [Situation, DecisionKind])[] {
  return situations.filter(condition).map((situation) => [situation, decide(situation).kind])
}

describe('the decision table', () => {
  it('situations: every one is canonical and there are thousands', () => {
    expect(situations.length).toBeGreaterThan(2000)
    for (const situation of situations) expect(canonical(situation)).toEqual(situation)
  })

  it('rules: every situation has one', () => {
    for (const situation of situations) expect(() => decide(situation)).not.toThrow()
  })

  it('rules: every row decides at least one situation', () => {
    const hit = new Set(situations.map((situation) => decide(situation).rule.id))
    expect(rules.map((rule) => rule.id).filter((id) => !hit.has(id))).toEqual([])
  })

  it('rules: ids are unique and even, decisions are all used', () => {
    const ids = rules.map((rule) => rule.id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(Number(id.slice(1)) % 2).toBe(0)
    expect(new Set(rules.map((rule) => rule.decision))).toEqual(new Set(decisionKinds))
  })

  it('a broken table is noticed: without the last row some situation has none', () => {
    expect(
      situations.some(
        (situation) => !rules.slice(0, -1).some((rule) => isMatch(rule.when, situation)),
      ),
    ).toBe(true)
  })
})

describe('safety of every decision', () => {
  it('I5: PostgreSQL becomes or stays writable only with the lease held', () => {
    const writing: readonly DecisionKind[] = [
      'promote',
      'resume',
      'open',
      'prove-list',
      'keep-serving',
      'prepare-switchover',
    ]
    for (const [situation, kind] of decided(
      (s) => s.lease !== 'preparing' && s.lease !== 'serving',
    )) {
      expect(writing, JSON.stringify(situation)).not.toContain(kind)
    }
  })

  it('I5: a primary whose lease another has, or nobody, is fenced', () => {
    for (const [situation, kind] of decided(
      (s) =>
        s.wish === 'run' &&
        s.server === 'primary' &&
        ['lost', 'other', 'free', 'none'].includes(s.lease),
    )) {
      expect(kind, JSON.stringify(situation)).toBe('fence')
    }
  })

  it('I1: nobody is promoted but the owner under this epoch, nobody is recorded but the eligible', () => {
    for (const [situation, kind] of decided(() => true)) {
      if (kind === 'promote')
        expect([situation.owner, situation.recorded]).toEqual(['me', 'this-epoch'])
      if (kind === 'record-election') expect(situation.election).toBe('eligible')
      if (kind === 'resume') {
        expect([situation.owner, situation.server]).toEqual(['me', 'was-primary'])
      }
    }
  })

  it('I3: the gate opens only when it is passed', () => {
    for (const [situation, kind] of decided(() => true)) {
      if (kind === 'open') expect(situation.gate).toBe('passed')
    }
  })

  it('I8: data is made new only where there is none, or none that can be used', () => {
    for (const [situation, kind] of decided(() => true)) {
      if (kind === 'bootstrap') expect(['absent', 'staged']).toContain(situation.server)
      if (kind === 'clone') expect(situation.rejoin).toBe('clone')
      if (situation.server === 'foreign') {
        expect(['bootstrap', 'clone', 'rewind', 'start-standby', 'resume']).not.toContain(kind)
      }
    }
  })

  it('a lease is taken only when it is free and it is our turn', () => {
    for (const [situation, kind] of decided(() => true)) {
      if (kind === 'acquire-lease' || kind === 'acquire-first-lease') {
        expect(['free', 'none']).toContain(situation.lease)
        expect(situation.turn).toBe('now')
      }
    }
  })
})
