// How a voter whose etcd directory is empty may start: found the store, join it, or wait. Pure. The
// danger is a second store beside data: whoever founds must know from every node that there is none.

import type { NodeName } from '../../core/names.ts'
import type { ClusterTrace } from '../../ports/peers.ts'
import type { ListedMember } from './messages.ts'

/** What one node says about itself. */
export type NodeAnswer = {
  readonly node: NodeName
  /** Empty: it knows of no cluster. Null: no answer, or it does not know yet. */
  readonly traces: readonly ClusterTrace[] | null
  /** The founding that this voter has begun; null: none that we know. */
  readonly foundingToken: string | null
}

export type FirstStartFacts = {
  readonly self: NodeName
  readonly ownPeerUrl: string
  /** This node was part of the store before, although its etcd directory is empty now. */
  readonly hasEverRunHere: boolean
  /** The founding that this node has begun itself; its etcd may have been started. */
  readonly ownToken: string | null
  /** One for each node of the layout that keeps anything, voter or not, this one too. */
  readonly answers: readonly NodeAnswer[]
  /** Every voter, this one too. */
  readonly voters: readonly NodeName[]
  /** The store's own list, by a member that reaches a majority; null when none answers so. */
  readonly members: readonly ListedMember[] | null
}

export type FirstStart =
  /**
   * Start with the voters of the layout as the first members, all under one token; null: draw it. It is
   * to be on disk before etcd starts.
   */
  | { readonly kind: 'found'; readonly token: string | null }
  /** The founders named this voter and it never came: start under this entry. */
  | { readonly kind: 'take-place'; readonly id: string }
  /** The store is there: take these entries of a former self out, then be added. */
  | { readonly kind: 'join'; readonly replaces: readonly ListedMember[] }
  | { readonly kind: 'wait'; readonly detail: string }

/** Whether anything in `facts` tells that a cluster exists: then nothing may be founded. */
export function isClusterKnown(facts: FirstStartFacts): boolean {
  return facts.hasEverRunHere || facts.answers.some((answer) => (answer.traces ?? []).length > 0)
}

export function decideFirstStart(facts: FirstStartFacts): FirstStart {
  if (facts.members !== null) return joinOf(facts, facts.members)
  if (isClusterKnown(facts)) return { kind: 'wait', detail: renderKnown(facts) }

  const silent = facts.answers.filter((answer) => answer.traces === null)
  // A silent node may be the one that has the data.
  if (silent.length > 0) {
    const detail = `waits for an answer from ${silent.map((answer) => answer.node).join(', ')}`
    const why =
      'a new etcd cluster is founded only after every node has answered that it has no data'
    return { kind: 'wait', detail: `${detail}: ${why}` }
  }
  return foundUnderOneToken(facts)
}

function foundUnderOneToken(facts: FirstStartFacts): FirstStart {
  const told = facts.answers.flatMap(({ foundingToken }) => foundingToken ?? [])
  const tokens = [...new Set(facts.ownToken === null ? told : [...told, facts.ownToken])]
  const [token] = tokens
  if (tokens.length > 1) {
    const founders = facts.answers.filter((answer) => answer.foundingToken !== null)
    const names = founders.map((answer) => answer.node).join(', ')
    const wayOut = `stop one of them and move its store directory and store.json away`
    return { kind: 'wait', detail: `${names} began different etcd clusters: ${wayOut}` }
  }
  if (token !== undefined) return { kind: 'found', token }
  const [first] = [...facts.voters].sort()
  if (first === facts.self) return { kind: 'found', token: null }
  return { kind: 'wait', detail: `waits for ${String(first)} to found the etcd cluster` }
}

function joinOf(facts: FirstStartFacts, members: readonly ListedMember[]): FirstStart {
  const former = members.filter(
    (member) => member.name === facts.self || member.peerUrls.includes(facts.ownPeerUrl),
  )
  const [only] = former
  // Named by the founders, but it never started: the place is still ours. One that started and lost its
  // directory may have voted; the same id must not vote twice.
  const isExpectedFounder =
    former.length === 1 &&
    only?.name === facts.self &&
    only.peerUrls.includes(facts.ownPeerUrl) &&
    only.clientUrls.length === 0 &&
    !facts.hasEverRunHere &&
    facts.ownToken === null
  if (isExpectedFounder) return { kind: 'take-place', id: only.id }
  return { kind: 'join', replaces: former }
}

const traceWords: Readonly<Record<ClusterTrace, string>> = {
  store: 'ran etcd before',
  promise: 'has a promise',
  'system-id': 'has a system identifier',
  data: 'has data',
}

function renderKnown(facts: FirstStartFacts): string {
  const others = facts.voters.filter((voter) => voter !== facts.self)
  const start = others.length === 0 ? '' : `start ${others.join(', ')}`
  if (facts.hasEverRunHere) {
    const lost = `etcd ran on ${facts.self} before, but its directory is empty`
    const wayOut = `mount the volume or put the directory back${start === '' ? '' : `, or ${start}`}`
    return `${lost} (volume not mounted, or deleted), and no majority of etcd answers: ${wayOut}`
  }
  const known = facts.answers
    .filter((answer) => (answer.traces ?? []).length > 0)
    .map(({ node, traces }) => {
      return `${node} ${(traces ?? []).map((trace) => traceWords[trace]).join(' and ')}`
    })
  const silent = facts.answers.filter((answer) => answer.traces === null)
  const missing =
    silent.length === 0 ? '' : `; no answer from ${silent.map((one) => one.node).join(', ')}`
  const wayOut =
    start === '' ? 'put the directory of etcd back' : `${start} with their etcd directories`
  return (
    `a cluster exists (${known.join(', ')}), but no majority of etcd answers, ` +
    `and a second etcd cluster must not be founded beside it: ${wayOut}${missing}`
  )
}
