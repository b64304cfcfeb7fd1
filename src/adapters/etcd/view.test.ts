import { describe, expect, it } from 'vitest'
import { leaseRecord, nodeReport, syncRecord } from '../../../test/support/store-records.ts'
import { asNodeName } from '../../core/names.ts'
import type { ClusterName } from '../../core/names.ts'
import { codecs, RecordError } from './codec.ts'
import { keysOf } from './keys.ts'
import type { KeyChange } from './messages.ts'
import { applyChanges, hasSameContent, viewOf } from './view.ts'

const keys = keysOf('app' as ClusterName)
const pg1 = asNodeName('pg-1')

const kv = (key: string, value: string, revision: number) => ({
  key,
  value,
  create_revision: 1,
  mod_revision: revision,
})
const put = (key: string, value: string, revision: number): KeyChange => ({
  isDeleted: false,
  kv: kv(key, value, revision),
})

const start = viewOf(keys, 10, [
  kv(keys.single('lease'), codecs.lease.render(leaseRecord()), 8),
  kv(keys.single('sync'), codecs.sync.render(syncRecord()), 5),
  kv(keys.report(pg1), codecs.report.render(nodeReport()), 9),
])

describe('view', () => {
  it('read → has the store revision, and each record its own', () => {
    expect(start.revision).toBe(10)
    expect(start.lease?.revision).toBe(8)
    expect(start.control).toBeNull()
    expect(start.reports.get(pg1)?.value).toEqual(nodeReport())
  })

  it('a change → only what changed is new', () => {
    const lease = codecs.lease.render(leaseRecord({ sequence: 2 }))
    const next = applyChanges(keys, start, [put(keys.single('lease'), lease, 11)])
    expect(next.lease).toEqual({ value: leaseRecord({ sequence: 2 }), revision: 11 })
    expect(next.revision).toBe(11)
    expect(next.sync).toBe(start.sync)
    expect(next.reports).toBe(start.reports)
    expect(start.lease?.value.sequence).toBe(1)
  })

  it('a deletion → gone', () => {
    const gone = { isDeleted: true, kv: kv(keys.single('sync'), '', 12) }
    expect(applyChanges(keys, start, [gone]).sync).toBeNull()
    const noReport = { isDeleted: true, kv: kv(keys.report(pg1), '', 12) }
    expect(applyChanges(keys, start, [noReport]).reports.size).toBe(0)
    expect(start.reports.size).toBe(1)
  })

  it('only events → the same view', () => {
    expect(applyChanges(keys, start, [put(keys.event('a'), 'x', 11)])).toBe(start)
  })

  it('a report that cannot be read → left out; a lease that cannot → thrown', () => {
    expect(applyChanges(keys, start, [put(keys.report(pg1), '?', 11)]).reports.size).toBe(0)
    expect(() => applyChanges(keys, start, [put(keys.single('lease'), '?', 11)])).toThrow(
      RecordError,
    )
  })

  it('same content → whatever the store revision', () => {
    expect(hasSameContent(start, { ...start, revision: 99 })).toBe(true)
    const lease = { value: leaseRecord(), revision: 11 }
    expect(hasSameContent(start, { ...start, lease })).toBe(false)
    expect(hasSameContent(start, { ...start, reports: new Map() })).toBe(false)
  })
})
