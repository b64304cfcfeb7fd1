// Keys of etcd as a StoreView, and changes of keys as the next view. Only what changed is parsed; a
// view once made is never changed.

import type { NodeName } from '../../core/names.ts'
import type { NodeReport } from '../../core/node-report.ts'
import type { StoreView, Versioned } from '../../ports/cluster-store.ts'
import { emptyStoreView } from '../../ports/cluster-store.ts'
import { codecs, RecordError } from './codec.ts'
import type { Keys, SingleKey } from './keys.ts'
import { singleKeys } from './keys.ts'
import type { KeyChange, KeyValue } from './messages.ts'

/**
 * The view that a linearizable read at `revision` found.
 * @throws RecordError when a record that decisions rest on cannot be read
 */
export function viewOf(keys: Keys, revision: number, kvs: readonly KeyValue[]): StoreView {
  const changes = kvs.map((kv) => ({ isDeleted: false, kv }))
  return { ...applyChanges(keys, emptyStoreView, changes), revision }
}

/**
 * The view after `changes`; the same object when they concern nothing in it.
 * @throws RecordError when a record that decisions rest on cannot be read
 */
export function applyChanges(
  keys: Keys,
  view: StoreView,
  changes: readonly KeyChange[],
): StoreView {
  const singles: Partial<Record<SingleKey, Versioned<unknown> | null>> = {}
  let reports: Map<NodeName, Versioned<NodeReport>> | null = null
  let revision = view.revision
  for (const { isDeleted, kv } of changes) {
    const meaning = keys.parse(kv.key)
    if (meaning.kind === 'other') continue
    revision = Math.max(revision, kv.mod_revision)
    if (meaning.kind === 'single') {
      singles[meaning.key] = isDeleted ? null : parseSingle(meaning.key, kv)
    } else {
      reports ??= new Map(view.reports)
      const report = isDeleted ? null : parseReport(kv)
      if (report === null) reports.delete(meaning.node)
      else reports.set(meaning.node, report)
    }
  }
  if (reports === null && Object.keys(singles).length === 0) return view
  // Each single was parsed by the codec of its own key.
  return { ...view, ...singles, reports: reports ?? view.reports, revision } as StoreView
}

/** Whether both show the same records, whatever the store's revision. */
export function hasSameContent(left: StoreView, right: StoreView): boolean {
  return (
    singleKeys.every((key) => left[key]?.revision === right[key]?.revision) &&
    left.reports.size === right.reports.size &&
    [...left.reports].every(
      ([node, report]) => right.reports.get(node)?.revision === report.revision,
    )
  )
}

function parseSingle(key: SingleKey, kv: KeyValue): Versioned<unknown> {
  return { value: codecs[key].parse(kv.key, kv.value), revision: kv.mod_revision }
}

/** No decision rests on a report: one that cannot be read is as good as none. */
function parseReport(kv: KeyValue): Versioned<NodeReport> | null {
  try {
    return { value: codecs.report.parse(kv.key, kv.value), revision: kv.mod_revision }
  } catch (error) {
    if (error instanceof RecordError) return null
    throw error
  }
}
