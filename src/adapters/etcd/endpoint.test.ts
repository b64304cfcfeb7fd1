import { describe, expect, it } from 'vitest'
import { createEndpointOrder, renderEndpoint } from './endpoint.ts'

const [a, b, c] = [1, 2, 3].map((port) => ({ host: '127.0.0.1', port }))
const all = [a!, b!, c!]

describe('endpoint order', () => {
  it('all trusted → as given', () => {
    const order = createEndpointOrder(all)
    expect(order.list()).toEqual([a, b, c])
    expect(order.best()).toBe(a)
  })

  it('one failed → it goes last, and back to its place when it is good again', () => {
    const order = createEndpointOrder(all)
    order.markBad(a!)
    expect(order.list()).toEqual([b, c, a])
    expect(order.bad()).toEqual([a])
    order.markGood(a!)
    expect(order.list()).toEqual([a, b, c])
    expect(order.bad()).toEqual([])
  })

  it('all failed → the one whose failure is longest ago comes first', () => {
    const order = createEndpointOrder(all)
    for (const endpoint of [b!, a!, c!]) order.markBad(endpoint)
    expect(order.list()).toEqual([b, a, c])
    order.markBad(b!)
    expect(order.list()).toEqual([a, c, b])
  })

  it('no endpoint at all → refused', () => {
    expect(() => createEndpointOrder([])).toThrow(RangeError)
  })

  it('rendered → IPv6 in brackets', () => {
    expect(renderEndpoint({ host: '::1', port: 2379 })).toBe('[::1]:2379')
    expect(renderEndpoint(a!)).toBe('127.0.0.1:1')
  })
})
