import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseSpec } from '../../config/load.ts'
import {
  hasFault,
  noFaults,
  renderSwitchRules,
  withCut,
  withDelay,
  withLoss,
  withoutCut,
} from './faults.ts'
import { labNetworkOf } from './hosts.ts'
import { labSpecOf } from './lab-spec.ts'

const network = labNetworkOf('/a/main', labSpecOf(parseSpec('', 'built-in defaults')).layout)
const names = network.hosts.map((host) => host.name)
const anyHost = fc.constantFrom(...names)

describe('cuts', () => {
  it('in both directions, or only what the host sends', () => {
    expect(withCut(noFaults, 'pg-0', ['pg-1'], false).cuts).toEqual([
      { from: 'pg-0', to: 'pg-1' },
      { from: 'pg-1', to: 'pg-0' },
    ])
    expect(withCut(noFaults, 'pg-0', ['pg-1'], true).cuts).toEqual([{ from: 'pg-0', to: 'pg-1' }])
  })

  it('what is cut twice is cut once, and healing it leaves nothing', () => {
    fc.assert(
      fc.property(anyHost, fc.uniqueArray(anyHost), fc.boolean(), (host, all, isOneWay) => {
        const others = all.filter((other) => other !== host)
        const once = withCut(noFaults, host, others, isOneWay)
        expect(withCut(once, host, others, isOneWay)).toEqual(once)
        expect(withoutCut(once, host, others)).toEqual(noFaults)
        expect(hasFault(once, host)).toBe(others.length > 0)
      }),
    )
  })

  it('healing one leaves the others', () => {
    const two = withCut(noFaults, 'pg-0', ['pg-1', 'pg-2'], false)
    expect(withoutCut(two, 'pg-1', ['pg-0']).cuts).toEqual([
      { from: 'pg-0', to: 'pg-2' },
      { from: 'pg-2', to: 'pg-0' },
    ])
  })
})

describe('loss and delay', () => {
  it('zero ends them', () => {
    const bad = withDelay(withLoss(noFaults, 'pg-0', 5), 'pg-0', 20)
    expect(bad).toMatchObject({ lossPercent: { 'pg-0': 5 }, delayMs: { 'pg-0': 20 } })
    expect(hasFault(bad, 'pg-0')).toBe(true)
    expect(withLoss(withDelay(bad, 'pg-0', 0), 'pg-0', 0)).toEqual(noFaults)
  })
})

describe('rules of the switch', () => {
  it('replace the old ones in one transaction', () => {
    const faults = withLoss(withCut(noFaults, 'pg-0', ['client'], true), 'lb-0', 2.5)
    expect(renderSwitchRules(network, faults)).toMatchInlineSnapshot(`
      "table bridge faults
      delete table bridge faults
      table bridge faults {
        set cuts {
          type ifname . ifname
          elements = { "port0" . "port6" }
        }
        chain pass {
          type filter hook forward priority 0; policy accept;
          iifname . oifname @cuts drop
          iifname "port4" numgen random mod 10000 < 250 drop
          oifname "port4" numgen random mod 10000 < 250 drop
        }
      }
      "
    `)
  })

  it('a loss of everything is a rule that nft takes', () => {
    // nft: Value 10000 exceeds valid range 0-9999
    expect(renderSwitchRules(network, withLoss(noFaults, 'pg-0', 100))).not.toContain('< 10000')
    expect(renderSwitchRules(network, withLoss(noFaults, 'pg-0', 100))).toContain(
      'iifname "port0" drop',
    )
    expect(renderSwitchRules(network, withLoss(noFaults, 'pg-0', 99.99))).toContain('< 9999 drop')
  })

  it('without faults nothing is dropped', () => {
    expect(renderSwitchRules(network, noFaults)).not.toMatch(/elements|numgen/)
  })
})
