import { describe, expect, it } from 'vitest'
import {
  clusterRecord,
  controlRecord,
  journalEvent,
  leaseRecord,
  nodeReport,
  syncRecord,
} from '../../../test/support/store-records.ts'
import { asNodeName } from '../../core/names.ts'
import type { Codec } from './codec.ts'
import { codecs, RecordError } from './codec.ts'

const examples: Readonly<Record<keyof typeof codecs, unknown>> = {
  lease: leaseRecord({ systemId: null, handOverTo: asNodeName('pg-2') }),
  sync: syncRecord(),
  cluster: clusterRecord(),
  control: controlRecord({ switchover: { id: 's1', to: null, requestedAtMs: 1 as never } }),
  report: nodeReport({ history: null, position: null, detail: '恢复中' }),
  event: { index: 3, event: journalEvent({ id: 'pg-0-1-1' }) },
}

for (const [name, record] of Object.entries(examples)) {
  const codec = codecs[name as keyof typeof codecs] as Codec<unknown>

  describe(`record ${name}`, () => {
    it('rendered and parsed → the same', () => {
      expect(codec.parse('key', codec.render(record))).toEqual(record)
    })

    it('a field that a newer version added → ignored', () => {
      const text = JSON.stringify({ format: 1, record: { ...(record as object), later: true } })
      expect(codec.parse('key', text)).toEqual(record)
    })

    it('any field missing → refused, the key is named', () => {
      // What came with a later version may be missing: agents are not all replaced at once.
      const later = ['agent', 'balancing']
      for (const field of Object.keys(record as object).filter((key) => !later.includes(key))) {
        const rest = Object.fromEntries(
          Object.entries(record as object).filter(([key]) => key !== field),
        )
        const text = JSON.stringify({ format: 1, record: rest })
        expect(() => codec.parse('/pgherd/a/key', text), field).toThrow(RecordError)
        expect(() => codec.parse('/pgherd/a/key', text), field).toThrow('/pgherd/a/key')
      }
    })
  })
}

describe('envelope', () => {
  it('a newer format → refused with the remedy', () => {
    const text = JSON.stringify({ format: 2, record: leaseRecord() })
    expect(() => codecs.lease.parse('k', text)).toThrow(/format 2.*upgrade pgherd/)
  })

  it.each(['', 'nonsense', '{}', '[]', 'null', '{"format":0,"record":{}}'])(
    'no record of ours (%j) → RecordError',
    (text) => {
      expect(() => codecs.lease.parse('k', text)).toThrow(RecordError)
    },
  )
})
