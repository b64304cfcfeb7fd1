import { describe, expect, test } from 'vitest'
import type { Lsn } from '../../core/lsn.ts'
import { EndOfWal, isEndOfWal, type Reading } from './end-of-wal.ts'

const cutOff: Reading = {
  isReceiving: false,
  startupWait: 'RecoveryRetrieveRetryInterval',
  receiveLsn: 8192 as Lsn,
  replayLsn: 8080 as Lsn,
  segmentBytes: 16 * 1024 * 1024,
}
const allReplayed: Reading = { ...cutOff, replayLsn: cutOff.receiveLsn }

/** Judges by a WAL that has whole records up to `until`; counts how often it was asked. */
function endAt(until: number): { readonly end: EndOfWal; readonly asked: Lsn[] } {
  const asked: Lsn[] = []
  const end = new EndOfWal(async (lsn) => {
    asked.push(lsn)
    return lsn < until
  })
  return { end, asked }
}

describe('without a receiver', () => {
  test('all that was received is replayed → the end, and the WAL is not asked', async () => {
    const { end, asked } = endAt(0)
    expect(await end.isReached(allReplayed)).toBe(true)
    expect(asked).toEqual([])
  })

  test('a whole record follows → not the end, however often it is seen waiting', async () => {
    const { end } = endAt(8192)
    for (let look = 0; look < 50; look += 1) expect(await end.isReached(cutOff)).toBe(false)
  })

  test('no whole record follows → the end; it stays the end also while the process is awake', async () => {
    const { end, asked } = endAt(8080)
    expect(await end.isReached(cutOff)).toBe(true)
    expect(await end.isReached({ ...cutOff, startupWait: null })).toBe(true)
    expect(asked).toEqual([8080])
  })

  test('awake and never proved → not the end', async () => {
    const { end } = endAt(8080)
    expect(await end.isReached({ ...allReplayed, startupWait: null })).toBe(false)
  })

  test('no receiver has run since the start → local WAL is asked', async () => {
    const { end } = endAt(9000)
    const fresh = { ...cutOff, receiveLsn: 0 as Lsn }
    expect(await end.isReached(fresh)).toBe(false)
    expect(await end.isReached({ ...fresh, replayLsn: 9000 as Lsn })).toBe(true)
  })

  test('more was received since the proof → proved anew', async () => {
    const { end } = endAt(9000)
    expect(await end.isReached(allReplayed)).toBe(true)
    expect(await end.isReached({ ...cutOff, receiveLsn: 9000 as Lsn })).toBe(false)
  })
})

test('with a receiver: at the end while it waits for the stream and has replayed all', async () => {
  const { end } = endAt(0)
  const waiting = { ...allReplayed, isReceiving: true, startupWait: 'RecoveryWalStream' }
  expect(await end.isReached(waiting)).toBe(true)
  expect(await end.isReached({ ...waiting, replayLsn: 8080 as Lsn })).toBe(false)
  expect(await end.isReached({ ...waiting, startupWait: null })).toBe(false)
})

test('what pg_waldump says at the end, and what it says when it cannot read', () => {
  const end = 'pg_waldump: error: could not find a valid record after 0/1500790'
  expect(isEndOfWal(end)).toBe(true)
  expect(isEndOfWal('pg_waldump: error: error in WAL record at 0/1500790: invalid length')).toBe(
    true,
  )
  expect(isEndOfWal('pg_waldump: error: could not open file "0000": Permission denied')).toBe(false)
})
