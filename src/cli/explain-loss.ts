// What a decision kept from being lost, or would have cost, worked out from the operands of its event:
// the sealed positions and the lists that had to be proved. Pure; says nothing that they do not show.

import type { JournalEvent } from '../core/journal-event.ts'
import { type Lsn, lagBytes, parseLsn } from '../core/lsn.ts'
import { type Incarnation, nodeOf } from '../core/names.ts'
import { renderBytes } from './render-quantity.ts'

type SealedPosition = { readonly node: string; readonly timeline: number; readonly lsn: Lsn }
type List = { readonly count: number; readonly members: readonly string[] }

/** Sentences; empty when the event is about nothing that can be lost. */
export function explainLoss(event: JournalEvent): readonly string[] {
  const kept = divergedSentence(event)
  if (kept !== null) return [kept]
  const positions = sealedPositions(event.operands['answers'])
  const lists = listsOf(event.operands['lists'])
  if (positions.length === 0 && lists.length === 0) return []
  const proofs = lists.map((list) => proofSentence(list, positions))
  return [...proofs, ...behindSentences(positions), ...refusalSentences(event, lists, positions)]
}

function divergedSentence(event: JournalEvent): string | null {
  const { commits, path } = event.operands
  if (event.kind !== 'diverged-wal-kept' || typeof path !== 'string') return null
  const count = typeof commits === 'number' ? `${commits} commits` : 'an unknown number of commits'
  return `${count} that only this node had are not in the cluster any more; their WAL is kept in ${path}`
}

/** From `sealed at timeline 2, 0/3000148`. */
function sealedPositions(answers: unknown): readonly SealedPosition[] {
  if (typeof answers !== 'object' || answers === null) return []
  return Object.entries(answers).flatMap(([node, text]) => {
    const match = /^sealed at timeline (\d+), ([0-9A-F]+\/[0-9A-F]+)$/.exec(String(text))
    if (match?.[1] === undefined || match[2] === undefined) return []
    return [{ node, timeline: Number(match[1]), lsn: parseLsn(match[2]) }]
  })
}

function listsOf(value: unknown): readonly List[] {
  if (!Array.isArray(value)) return []
  return value.filter(
    (list: unknown): list is List =>
      typeof list === 'object' &&
      list !== null &&
      'count' in list &&
      typeof list.count === 'number' &&
      'members' in list &&
      Array.isArray(list.members),
  )
}

function sealedOf(list: List, positions: readonly SealedPosition[]): readonly string[] {
  const sealed = new Set(positions.map((position) => position.node))
  return list.members
    .map((member) => nodeOf(member as Incarnation))
    .filter((node) => sealed.has(node))
}

/** n - k + 1 sealed members contain one that has every commit which k of n acknowledged. */
function neededOf(list: List): number {
  return list.members.length - list.count + 1
}

function proofSentence(list: List, positions: readonly SealedPosition[]): string {
  if (list.count === 0)
    return 'commits waited for nobody: only the former primary surely has them all'
  const sealed = sealedOf(list, positions)
  const names = list.members.map((member) => nodeOf(member as Incarnation)).join(', ')
  return (
    `commits waited for ${list.count} of ${names}; ${neededOf(list)} of them had to be sealed, ` +
    (sealed.length === 0 ? 'none was' : `sealed were ${sealed.join(', ')}`)
  )
}

/** Positions on one timeline can be compared without knowing its birth; others are left alone. */
function behindSentences(positions: readonly SealedPosition[]): readonly string[] {
  const newest = Math.max(...positions.map((position) => position.timeline))
  const comparable = positions.filter((position) => position.timeline === newest)
  const furthest = Math.max(...comparable.map((position) => position.lsn))
  return comparable.flatMap(({ node, lsn }) => {
    const behind = lagBytes(furthest as Lsn, lsn)
    return behind === 0
      ? []
      : [`with ${node} instead, up to ${renderBytes(behind)} of WAL would be lost`]
  })
}

function refusalSentences(
  event: JournalEvent,
  lists: readonly List[],
  positions: readonly SealedPosition[],
): readonly string[] {
  if (event.kind !== 'refused') return []
  const unsealed = lists
    .filter((list) => sealedOf(list, positions).length < neededOf(list))
    .flatMap((list) => list.members.map((member) => nodeOf(member as Incarnation)))
    .filter((node) => !positions.some((position) => position.node === node))
  const names = [...new Set(unsealed)].join(', ')
  return names === ''
    ? []
    : [`promoting all the same could lose every commit that only ${names} acknowledged`]
}
