import { describe, expect, it } from 'vitest'
import { EtcdError } from './errors.ts'
import { parseMemberList, parseStatus, parseTransactionAnswer, parseWatchLine } from './messages.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

describe('transaction answer', () => {
  it('zero values left out → filled in', () => {
    const body = { header: { revision: '7' }, responses: [{ response_range: {} }] }
    expect(parseTransactionAnswer(body)).toEqual({
      revision: 7,
      succeeded: false,
      ranges: [{ kvs: [], count: 0 }],
    })
  })

  it('keys and values → decoded, 64-bit integers → numbers; puts → skipped', () => {
    const kv = {
      key: base64('/k'),
      value: base64('值'),
      create_revision: '5',
      mod_revision: '9007199254740991',
      version: '2',
    }
    const body = {
      header: { cluster_id: '1', revision: '8' },
      succeeded: true,
      responses: [{ response_put: {} }, { response_range: { kvs: [kv], count: '1' } }],
    }
    const answer = parseTransactionAnswer(body)
    expect(answer.ranges).toEqual([
      {
        count: 1,
        kvs: [
          { key: '/k', value: '值', create_revision: 5, mod_revision: Number.MAX_SAFE_INTEGER },
        ],
      },
    ])
  })
})

describe('watch line', () => {
  const line = (result: unknown): string => JSON.stringify({ result })

  it('created, or progress → no changes', () => {
    expect(parseWatchLine(line({ header: { revision: '3' }, created: true }))).toEqual([])
  })

  it('a put has no type, a deletion has', () => {
    const kv = { key: base64('/k'), mod_revision: '4' }
    const events = [{ kv }, { type: 'DELETE', kv }]
    const changes = parseWatchLine(line({ header: { revision: '4' }, events }))
    expect(changes.map(({ isDeleted }) => isDeleted)).toEqual([false, true])
    expect(changes[0]!.kv).toMatchObject({ key: '/k', value: '', mod_revision: 4 })
  })

  it.each([
    ['compacted', line({ header: {}, canceled: true, compact_revision: '9' }), 11],
    ['cancelled', line({ header: {}, canceled: true, cancel_reason: 'auth' }), null],
    ['an error of the gateway', JSON.stringify({ error: { message: 'no leader' } }), null],
    ['nonsense', '<html>', null],
  ])('%s → ends the watch', (_, text, grpcCode) => {
    let thrown: unknown
    try {
      parseWatchLine(text)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(EtcdError)
    expect((thrown as EtcdError).grpcCode).toBe(grpcCode)
  })
})

describe('members', () => {
  it('one that never served has neither name nor client URLs', () => {
    const body = { members: [{ ID: '18446744073709551615', peerURLs: ['http://a:1'] }] }
    expect(parseMemberList(body)).toEqual([
      { id: '18446744073709551615', name: '', peerUrls: ['http://a:1'], clientUrls: [] },
    ])
  })

  it('status → no leader is 0; only the own alarm counts', () => {
    const header = { cluster_id: '7', member_id: '12', revision: '3' }
    expect(parseStatus({ header })).toMatchObject({
      clusterId: '7',
      leaderId: '0',
      isOutOfSpace: false,
    })
    const ofAnother = { header, leader: '12', errors: ['memberID:99 alarm:NOSPACE '] }
    expect(parseStatus(ofAnother)).toMatchObject({ leaderId: '12', isOutOfSpace: false })
    const longer = { header, errors: ['memberID:123 alarm:NOSPACE '] }
    expect(parseStatus(longer).isOutOfSpace).toBe(false)
    const own = { header, errors: ['etcdserver: no leader', 'memberID:12 alarm:NOSPACE '] }
    expect(parseStatus(own).isOutOfSpace).toBe(true)
  })
})
