import { describe, expect, it } from 'vitest'
import { leaseRecord, nodeReport, syncRecord } from '../../../test/support/store-records.ts'
import { asEpoch, asNodeName } from '../../core/names.ts'
import type { ClusterName } from '../../core/names.ts'
import { revisionOf } from '../../core/store-view.ts'
import { codecs, NewerFormatError } from './codec.ts'
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

  it('what cannot be read → named with its reason, the others are there', () => {
    const noReport = applyChanges(keys, start, [put(keys.report(pg1), '?', 11)])
    expect(noReport.reports.size).toBe(0)
    expect(noReport.unusable).toEqual([{ key: 'reports/pg-1', why: 'is not JSON', revision: 11 }])
    const noLease = applyChanges(keys, start, [put(keys.single('lease'), '?', 11)])
    expect(noLease.lease).toBeNull()
    expect(noLease.sync).toBe(start.sync)
    expect(noLease.unusable).toEqual([{ key: 'lease', why: 'is not JSON', revision: 11 }])
    expect(revisionOf(noLease, 'lease')).toBe(11)
    expect(hasSameContent(start, noLease)).toBe(false)
    const lease = codecs.lease.render(leaseRecord())
    expect(applyChanges(keys, noLease, [put(keys.single('lease'), lease, 12)]).unusable).toEqual([])
  })

  it('the report of another node, and the largest numbers → named', () => {
    const other = codecs.report.render(nodeReport({ name: asNodeName('pg-2') }))
    expect(applyChanges(keys, start, [put(keys.report(pg1), other, 11)]).unusable).toHaveLength(1)
    for (const epoch of [0, -1, 1.5, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
      const lease = codecs.lease.render(leaseRecord({ epoch: asEpoch(epoch) }))
      const view = applyChanges(keys, start, [put(keys.single('lease'), lease, 11)])
      expect([epoch, view.lease, view.unusable.length]).toEqual([epoch, null, 1])
    }
  })

  it('a record of a newer format → thrown: ignoring it is not safe', () => {
    const newer = put(keys.single('lease'), '{"format":2,"record":{}}', 11)
    expect(() => applyChanges(keys, start, [newer])).toThrow(NewerFormatError)
  })

  it('same content → whatever the store revision', () => {
    expect(hasSameContent(start, { ...start, revision: 99 })).toBe(true)
    const lease = { value: leaseRecord(), revision: 11 }
    expect(hasSameContent(start, { ...start, lease })).toBe(false)
    expect(hasSameContent(start, { ...start, reports: new Map() })).toBe(false)
  })
})
