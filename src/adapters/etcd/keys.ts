// Where each record lies in etcd: /pgherd/<cluster>/{lease,sync,cluster,control,reports/<node>,events/<id>}.

import type { ClusterName, NodeName } from '../../core/names.ts'

/** The records of which there is one. */
export const singleKeys = ['lease', 'sync', 'cluster', 'control'] as const
export type SingleKey = (typeof singleKeys)[number]

/** What a key holds. */
export type KeyMeaning =
  | { readonly kind: 'single'; readonly key: SingleKey }
  | { readonly kind: 'report'; readonly node: NodeName }
  /** Events, and whatever a later version keeps here: in no view. */
  | { readonly kind: 'other' }

/** Keys from `start` up to but not including `end`. */
export type KeyRange = { readonly start: string; readonly end: string }

export type Keys = {
  readonly single: (key: SingleKey) => string
  readonly report: (node: NodeName) => string
  readonly event: (id: string) => string
  readonly everything: KeyRange
  readonly events: KeyRange
  /** Everything but the events, in as few ranges as there are. */
  readonly view: readonly KeyRange[]
  readonly parse: (key: string) => KeyMeaning
}

export function keysOf(cluster: ClusterName): Keys {
  const prefix = `/pgherd/${cluster}/`
  const reports = `${prefix}reports/`
  const everything = prefixRange(prefix)
  const events = prefixRange(`${prefix}events/`)
  return {
    single: (key) => prefix + key,
    report: (node) => reports + node,
    event: (id) => events.start + id,
    everything,
    events,
    view: [
      { start: everything.start, end: events.start },
      { start: events.end, end: everything.end },
    ],
    parse: (key) => {
      if (key.startsWith(reports)) {
        return { kind: 'report', node: key.slice(reports.length) as NodeName }
      }
      const single = singleKeys.find((candidate) => key === prefix + candidate)
      return single === undefined ? { kind: 'other' } : { kind: 'single', key: single }
    },
  }
}

/** All keys that begin with `prefix`, which ends in a slash. */
function prefixRange(prefix: string): KeyRange {
  // '0' is the character after '/'.
  return { start: prefix, end: `${prefix.slice(0, -1)}0` }
}
