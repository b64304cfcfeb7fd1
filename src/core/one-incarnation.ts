// An incarnation is used by one node and one connection at a time (I12). Where two use it, neither can be
// told from the other: what one has acknowledged the other may lack, so it counts for nothing.

import type { Incarnation, NodeName } from './names.ts'
import { awaitedMember, incarnationIsOf, nodeOf } from './names.ts'
import type { NodeReport } from './node-report.ts'
import type { Walsender } from './server.ts'
import type { StoreView } from './store-view.ts'
import type { SyncList } from './sync-list.ts'
import { makeList } from './sync-list.ts'

export type Contradiction = {
  readonly incarnation: Incarnation
  /** A sentence without a full stop at its end. */
  readonly message: string
}

/** Who holds a slot streams; a connection that waits for one has not begun and is no contradiction. */
const streaming: ReadonlySet<string> = new Set(['streaming', 'catchup'])

type Stream = Pick<Walsender, 'applicationName' | 'state'>

/** How many connections stream under this incarnation. */
export function streamCountOf(incarnation: Incarnation, walsenders: readonly Stream[]): number {
  return walsenders.filter(
    ({ applicationName, state }) => applicationName === incarnation && streaming.has(state),
  ).length
}

/**
 * Incarnations that are used twice.
 * @param reports of all nodes, as they were published
 * @param walsenders of the primary, empty where it is not known
 */
export function contradictionsOf(
  reports: Iterable<Pick<NodeReport, 'name' | 'incarnation' | 'agent'>>,
  walsenders: readonly Stream[],
): readonly Contradiction[] {
  const found = new Map<Incarnation, Contradiction>()
  const known = new Set<Incarnation>()
  for (const { name, incarnation, agent } of reports) {
    if (incarnation === null) continue
    known.add(incarnation)
    // An agent of an older version answers without it.
    if ((agent?.rival ?? null) !== null) {
      const message = `two agents run as ${name}: its machine or its disk was cloned`
      found.set(incarnation, { incarnation, message })
    }
    if (incarnationIsOf(incarnation, name)) continue
    const owner = nodeOf(incarnation)
    const message = `${name} runs under the incarnation ${incarnation} of ${owner}: a folder was copied`
    found.set(incarnation, { incarnation, message })
  }
  for (const incarnation of known) {
    const count = streamCountOf(incarnation, walsenders)
    if (count < 2 || found.has(incarnation)) continue
    const node = nodeOf(incarnation)
    const message = `${String(count)} connections stream as ${node} (incarnation ${incarnation}): one is a copy`
    found.set(incarnation, { incarnation, message })
  }
  return [...found.values()]
}

/** The incarnations that the reports in the store contradict. */
export function contradictedIn(store: StoreView | null): ReadonlySet<Incarnation> {
  const reports = [...(store?.reports.values() ?? [])].map(({ value }) => value)
  return new Set(contradictionsOf(reports, []).map(({ incarnation }) => incarnation))
}

/** Whether an answer of `node` under `incarnation` is that of the node to which it belongs, and no other's. */
export function isOnlyAnswer(
  node: NodeName,
  incarnation: Incarnation,
  answers: Iterable<{ readonly incarnation?: Incarnation | null }>,
): boolean {
  if (!incarnationIsOf(incarnation, node)) return false
  let count = 0
  for (const answer of answers) if (answer.incarnation === incarnation) count += 1
  return count === 1
}

/**
 * What the record has to hold besides `lists` once some of their members are not to be believed: the same
 * lists with places that nobody can fill. A commit may have been acknowledged by either of two, and which
 * of them answers an election is chance.
 */
export function distrustedLists(
  lists: readonly SyncList[],
  contradicted: ReadonlySet<Incarnation>,
): readonly SyncList[] {
  return lists
    .filter(({ members }) => members.some((member) => contradicted.has(member)))
    .map(({ count, members }) =>
      makeList(
        count,
        members.map((member) => (contradicted.has(member) ? awaitedMember(member) : member)),
      ),
    )
}
