// Which records of the store are missing or cannot be true. Such a record is taken out of the view and
// named in `unusable`, so that no decision rests on it and `status` says so.

import { isEpochJump, knownEpochOf } from './epoch.ts'
import type { Epoch, SystemId } from './names.ts'
import type { RecordKey, StoreView, UnusableRecord } from './store-view.ts'
import { hasList, isEmptyList, isProvable } from './sync-list.ts'
import type { SyncRecord } from './sync-list.ts'

/** What this node knows by itself. */
export type ScreenContext = {
  readonly promise: Epoch | null
  readonly systemId: SystemId | null
}

/** The view without what cannot be true; the same object when there is nothing to say. */
export function screenView(view: StoreView, own: ScreenContext): StoreView {
  let screened = view
  const reject = (key: RecordKey, why: string): void => {
    const revision = screened[key]?.revision ?? 0
    screened = {
      ...screened,
      [key]: null,
      unusable: [...screened.unusable, { key, why, revision }],
    }
  }
  const stranger = strangerOf(view, own.systemId)
  if (stranger !== null) reject(stranger, 'belongs to another cluster (system identifier)')
  const badSync = screened.sync === null ? null : whyImpossible(screened.sync.value)
  if (badSync !== null) reject('sync', badSync)
  judgeEpochs(screened, own, reject)
  for (const key of ['lease', 'sync', 'cluster'] as const) {
    const isNamed = screened.unusable.some((record) => record.key === key)
    if (screened[key] === null && !isNamed && isKnownCluster(screened)) reject(key, 'is missing')
  }
  return screened
}

/** Whether the store knows that a first primary was made. */
function isKnownCluster(view: StoreView): boolean {
  const hasFounded = (view.lease?.value.systemId ?? null) !== null
  return (
    view.cluster !== null ||
    view.sync !== null ||
    hasFounded ||
    view.unusable.some(({ key }) => key === 'sync' || key === 'cluster')
  )
}

/** The record whose system identifier contradicts the others. */
function strangerOf(view: StoreView, own: SystemId | null): RecordKey | null {
  const told: (readonly [RecordKey, SystemId])[] = []
  if (view.lease?.value.systemId) told.push(['lease', view.lease.value.systemId])
  if (view.sync !== null) told.push(['sync', view.sync.value.systemId])
  if (view.cluster !== null) told.push(['cluster', view.cluster.value.systemId])
  for (const [key, systemId] of told) {
    const others = told.filter((entry) => entry[0] !== key).map((entry) => entry[1])
    const [first] = others
    if (first === undefined || first === systemId) continue
    if (others.some((other) => other !== first)) continue
    // Two against one; where only two are there, what this node has on its disk decides.
    if (others.length > 1 || first === own) return key
  }
  return null
}

function whyImpossible(record: SyncRecord): string | null {
  if (record.lists.length === 0) return 'holds no list'
  if (!hasList(record.lists, record.target)) return 'has a target that is none of its lists'
  if (!record.lists.every((list) => isProvable(list) || (isEmptyList(list) && list.count === 0))) {
    return 'holds a list that waits for more members than it has'
  }
  const ids = record.timelines.map(({ timeline }) => timeline)
  if (!ids.includes(record.timeline)) return 'names a timeline that was never reserved'
  if (new Set(ids).size !== ids.length) return 'reserves a timeline twice'
  if (record.timelines.some(({ epoch }) => epoch > record.epoch)) {
    return 'reserves a timeline for an epoch that has not been'
  }
  return null
}

/** Every write of the sync record is made under the lease, so its epoch never lies above the lease's. */
function judgeEpochs(
  view: StoreView,
  { promise }: ScreenContext,
  reject: (key: RecordKey, why: string) => void,
): void {
  const lease = view.lease?.value.epoch ?? null
  const sync = view.sync?.value.epoch ?? null
  // Neither record vouches for the other: both may have been written by somebody.
  const isJump = (epoch: number | null): boolean =>
    epoch !== null && promise !== null && isEpochJump(promise, epoch)
  if (isJump(sync)) reject('sync', `has epoch ${String(sync)}, far above every epoch known here`)
  if (isJump(lease)) reject('lease', `has epoch ${String(lease)}, far above every epoch known here`)
  if (lease === null || isJump(lease) || isJump(sync)) return
  if (isEpochJump(knownEpochOf(view, promise), lease)) {
    reject('lease', `has epoch ${String(lease)}, far above every epoch known here`)
    return
  }
  if (sync === null || sync <= lease) return
  // A node that promised the record's epoch knows that there was such a lease.
  if (promise !== null && promise >= sync) {
    reject('lease', `has epoch ${String(lease)}, below that of the sync record`)
  } else reject('sync', `has epoch ${String(sync)}, above that of the lease`)
}

/** What changed between two views, for events. */
export function recordNews(
  before: readonly UnusableRecord[],
  after: readonly UnusableRecord[],
): { readonly lost: readonly UnusableRecord[]; readonly back: readonly UnusableRecord[] } {
  const isIn = (list: readonly UnusableRecord[], record: UnusableRecord) =>
    list.some(({ key, why }) => key === record.key && why === record.why)
  return {
    lost: after.filter((record) => !isIn(before, record)),
    back: before.filter((record) => !after.some(({ key }) => key === record.key)),
  }
}
