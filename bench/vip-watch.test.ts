import { describe, expect, it } from 'vitest'
import { asNodeName } from '../src/core/names.ts'
import { sampleVip } from './vip-watch.ts'
import type { VipChange } from './vip-watch.ts'

const change = (atMs: number, host: string, has: boolean): VipChange => ({
  atMs,
  host: asNodeName(host),
  has,
})
const start = [change(0, 'lb-0', true), change(0, 'lb-1', false)]

describe('samples of the virtual address', () => {
  it('one holder all the time', () => {
    expect(sampleVip(start, 0, 1000, 50)).toEqual({
      total: 20,
      none: 0,
      two: 0,
      noneMsMax: 0,
      twoMsMax: 0,
      settledAtMs: 0,
    })
  })

  it('a gap and an overlap are seen, the short one between two samples too', () => {
    const gap = [...start, change(210, 'lb-0', false), change(520, 'lb-1', true)]
    expect(sampleVip(gap, 0, 1000, 50)).toMatchObject({ none: 6, noneMsMax: 310, settledAtMs: 520 })
    const overlap = [...start, change(210, 'lb-1', true), change(230, 'lb-0', false)]
    expect(sampleVip(overlap, 0, 1000, 50)).toMatchObject({
      two: 0,
      twoMsMax: 20,
      settledAtMs: 230,
    })
  })

  it('an end without a holder, or with two, has not settled', () => {
    expect(sampleVip([...start, change(400, 'lb-0', false)], 0, 500, 50).settledAtMs).toBeNull()
    expect(sampleVip([...start, change(400, 'lb-1', true)], 0, 500, 50).settledAtMs).toBeNull()
  })
})
