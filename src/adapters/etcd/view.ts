// Keys of etcd as a StoreView, and changes of keys as the next view. Only what changed is parsed; a
// view once made is never changed.

import type { NodeName } from '../../core/names.ts'
import type { NodeReport } from '../../core/node-report.ts'
import type { UnusableRecord } from '../../core/store-view.ts'
import { revisionOf } from '../../core/store-view.ts'
import type { StoreView, Versioned } from '../../ports/cluster-store.ts'
import { emptyStoreView } from '../../ports/cluster-store.ts'
import { codecs, NewerFormatError, RecordError } from './codec.ts'
import type { Keys, SingleKey } from './keys.ts'
import { singleKeys } from './keys.ts'
import type { KeyChange, KeyValue } from './messages.ts'

/**
 * The view that a linearizable read at `revision` found; what cannot be read is named in it.
 * @throws NewerFormatError
 */
export function viewOf(keys: Keys, revision: number, kvs: readonly KeyValue[]): StoreView {
  const changes = kvs.map((kv) => ({ isDeleted: false, kv }))
  return { ...applyChanges(keys, emptyStoreView, changes), revision }
}

/**
 * The view after `changes`; the same object when they concern nothing in it.
 * @throws NewerFormatError
 */
export function applyChanges(
  keys: Keys,
  view: StoreView,
  changes: readonly KeyChange[],
): StoreView {
  const singles: Partial<Record<SingleKey, Versioned<unknown> | null>> = {}
  let reports: Map<NodeName, Versioned<NodeReport>> | null = null
  let revision = view.revision
  let { unusable } = view
  const forget = (key: UnusableRecord['key']): void => {
    if (unusable.some((record) => record.key === key)) {
      unusable = unusable.filter((record) => record.key !== key)
    }
  }
  const reject = (key: UnusableRecord['key'], why: string, kv: KeyValue): void => {
    unusable = [...unusable, { key, why, revision: kv.mod_revision }]
  }
  for (const { isDeleted, kv } of changes) {
    const meaning = keys.parse(kv.key)
    if (meaning.kind === 'other') continue
    revision = Math.max(revision, kv.mod_revision)
    if (meaning.kind === 'single') {
      forget(meaning.key)
      const record = isDeleted ? null : readable(() => parseSingle(meaning.key, kv))
      singles[meaning.key] = typeof record === 'string' ? null : record
      if (typeof record === 'string') reject(meaning.key, record, kv)
    } else {
      reports ??= new Map(view.reports)
      const key = `reports/${meaning.node}` as const
      forget(key)
      const report = isDeleted ? null : readable(() => parseReport(meaning.node, kv))
      if (typeof report === 'string') reject(key, report, kv)
      if (report === null || typeof report === 'string') reports.delete(meaning.node)
      else reports.set(meaning.node, report)
    }
  }
  if (reports === null && Object.keys(singles).length === 0) return view
  // Each single was parsed by the codec of its own key.
  return { ...view, ...singles, reports: reports ?? view.reports, revision, unusable } as StoreView
}

/** Whether both show the same records, whatever the store's revision. */
export function hasSameContent(left: StoreView, right: StoreView): boolean {
  return (
    singleKeys.every((key) => revisionOf(left, key) === revisionOf(right, key)) &&
    left.unusable.length === right.unusable.length &&
    left.unusable.every(({ revision }, index) => revision === right.unusable[index]?.revision) &&
    left.reports.size === right.reports.size &&
    [...left.reports].every(
      ([node, report]) => right.reports.get(node)?.revision === report.revision,
    )
  )
}

function parseSingle(key: SingleKey, kv: KeyValue): Versioned<unknown> {
  return { value: codecs[key].parse(kv.key, kv.value), revision: kv.mod_revision }
}

function parseReport(node: NodeName, kv: KeyValue): Versioned<NodeReport> {
  const value = codecs.report.parse(kv.key, kv.value)
  if (value.name !== node) throw new RecordError(`${kv.key} is the report of another node`)
  return { value, revision: kv.mod_revision }
}

/** What `parse` returns, or why the record cannot be read: one bad record must not hide the others. */
function readable<T>(parse: () => T): T | string {
  try {
    return parse()
  } catch (error) {
    if (error instanceof RecordError && !(error instanceof NewerFormatError)) {
      return error.message.replace(/^\S+ /, '')
    }
    throw error
  }
}
