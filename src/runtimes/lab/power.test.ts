import { describe, expect, it } from 'vitest'
import { parseSpec } from '../../config/load.ts'
import { asNodeName } from '../../core/names.ts'
import { labNetworkOf } from './hosts.ts'
import { labSpecOf } from './lab-spec.ts'
import { assertEnoughPower } from './power.ts'

const { layout } = labSpecOf(parseSpec('', 'built-in defaults'))
const network = labNetworkOf('/a/main', layout)
const without = (...names: readonly string[]) => {
  assertEnoughPower(network, layout, names.map(asNodeName))
}

describe('hosts without power', () => {
  it('as long as there can be a primary the others are enough', () => {
    // pg-0, pg-1 and pgw-0 vote.
    for (const names of [[], ['pg-0'], ['pg-1', 'pg-2'], ['pgw-0', 'pg-2', 'lb-0', 'lb-1']]) {
      expect(() => without(...names), names.join()).not.toThrow()
    }
  })

  it('no majority of the voters: refused, with the way back', () => {
    expect(() => without('pg-0', 'pgw-0', 'lb-0')).toThrow(
      expect.objectContaining({
        code: 'PGHERD_LAB_POWER',
        message: 'the hosts of pg-0, pgw-0 have no power, and without them there is no primary',
        hint: 'give it back: pgherd lab power-on pg-0; pgherd lab power-on pgw-0',
      }) as Error,
    )
  })

  it('no data: refused', () => {
    const text = `
nodes:
  - { name: a, role: data, host: 10.1.2.3, vote: false }
  - { name: w, role: witness, host: 10.1.2.4 }
`
    const { layout: small } = parseSpec(text, 'x')
    expect(() =>
      assertEnoughPower(labNetworkOf('/a/main', small), small, [asNodeName('a')]),
    ).toThrow(/the hosts of a have no power/)
  })
})
