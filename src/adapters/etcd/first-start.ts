// How a voter whose etcd directory is empty may start: found the store, join it, or wait. Pure. The
// danger is a second store beside the first: a founder must know that there is none.

import type { NodeName } from '../../core/names.ts'
import type { ListedMember } from './messages.ts'

/** What one other voter says about itself; null: no answer. */
export type VoterAnswer = { readonly node: NodeName; readonly hasEverRun: boolean | null }

export type FirstStartFacts = {
  readonly self: NodeName
  readonly ownPeerUrl: string
  /** This volume was part of the store before, although its etcd directory is empty now. */
  readonly hasEverRunHere: boolean
  /** One for each other voter. */
  readonly answers: readonly VoterAnswer[]
  /** The store's own list, by a member that reaches a majority; null when none answers so. */
  readonly members: readonly ListedMember[] | null
}

export type FirstStart =
  /** Start with the voters of the layout as the first members. */
  | { readonly kind: 'found' }
  /** The store is there: take these entries of a former self out, then be added. */
  | { readonly kind: 'join'; readonly replaces: readonly ListedMember[] }
  | { readonly kind: 'wait'; readonly detail: string }

export function decideFirstStart(facts: FirstStartFacts): FirstStart {
  if (facts.members !== null) return joinOf(facts, facts.members)
  // A single voter has nobody to ask: if there was a store, it is lost.
  if (facts.answers.length === 0) return { kind: 'found' }

  const veterans = facts.answers.filter((answer) => answer.hasEverRun === true)
  if (veterans.length > 0 || facts.hasEverRunHere) {
    const where = facts.hasEverRunHere ? 'here' : `on ${namesOf(veterans)}`
    const detail = `the store has run before (${where}), but no majority of it answers`
    return { kind: 'wait', detail: `${detail}; start ${namesOf(facts.answers)}` }
  }
  const majority = Math.floor((facts.answers.length + 1) / 2) + 1
  const newcomers = facts.answers.filter((answer) => answer.hasEverRun === false)
  if (newcomers.length + 1 >= majority) return { kind: 'found' }
  const silent = facts.answers.filter((answer) => answer.hasEverRun === null)
  const detail = `waits for ${namesOf(silent)}: ${majority} of ${facts.answers.length + 1} voters`
  return { kind: 'wait', detail: `${detail} must say that there is no store yet` }
}

function joinOf(facts: FirstStartFacts, members: readonly ListedMember[]): FirstStart {
  const former = members.filter(
    (member) => member.name === facts.self || member.peerUrls.includes(facts.ownPeerUrl),
  )
  const [only] = former
  // Named by the founders, but it never served: the place is still ours. etcd itself refuses a founder
  // whose entry has client URLs (isMemberBootstrapped, 3.4 and 3.5).
  const isExpectedFounder =
    former.length === 1 &&
    only?.name === facts.self &&
    only.clientUrls.length === 0 &&
    !facts.hasEverRunHere
  if (isExpectedFounder) return { kind: 'found' }
  return { kind: 'join', replaces: former }
}

function namesOf(answers: readonly VoterAnswer[]): string {
  return answers.map((answer) => answer.node).join(', ')
}
