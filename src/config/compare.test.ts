import { describe, expect, it } from 'vitest'
import { compareSpecs } from './compare.ts'
import { parseSpec } from './load.ts'

const two = 'nodes: [{name: pg-0, role: data}, {name: pg-1, role: data}, {name: w, role: witness}]'
const compare = (before: string, after: string) =>
  compareSpecs(parseSpec(before, 'a'), parseSpec(after, 'b'))

describe('comparing specs', () => {
  it('what says the same in other words is the same', () => {
    const spelled = `${two}\ndurability: quorum\nsyncStandbys: 1\npostgres: {parameters: {}}`
    expect(compare(two, spelled)).toEqual({ kind: 'same' })
    const [left, right] = ['{a: 1, b: 2}', '{b: 2, a: 1}'].map(
      (p) => `postgres: {parameters: ${p}}`,
    )
    expect(compare(left!, right!)).toEqual({ kind: 'same' })
    const spec = parseSpec('', 'a')
    const { connectionsMax, ...others } = spec.spec.balancer
    const turned = { ...spec.spec, balancer: { ...others, connectionsMax } }
    expect(compareSpecs(spec, { ...spec, spec: turned })).toEqual({ kind: 'same' })
  })

  it.each([
    ['plan: fast', ['plan']],
    ['durability: async', ['durability']],
    ['syncStandbys: 2', ['syncStandbys']],
    ['postgres: {parameters: {work_mem: 8MB}}', ['postgres.parameters']],
    ['postgres: {allowFrom: [all]}', ['postgres.allowFrom']],
    ['wal: {slotCapMb: 100}', ['wal']],
    ['balancer: {connectionsMax: 50}\nplan: wan', ['plan', 'balancer']],
  ])('%j is a change of settings', (text, paths) => {
    expect(compare('', text)).toEqual({ kind: 'settings', paths })
  })

  it.each([
    ['basePort: 6000', 'pg-0: postgresPort 5510 became 6010'],
    ['basePort: 6000', 'basePort 5500 became 6000'],
    ['endpoints: {write: {port: 7000}}', 'endpoints.write: 127.0.0.1:5500 became 127.0.0.1:7000'],
    [two, 'node pg-2 is missing'],
    ['postgres: {database: other}', 'postgres.database: app became other'],
    ['postgres: {version: 16}', 'postgres.version: null became 16'],
    [two.replace('[', '[{name: new, role: data}, '), 'node new is new'],
  ])('%j cannot be taken over by a running cluster', (text, difference) => {
    const change = compare('', text)
    expect(change.kind).toBe('fixed')
    expect(change.kind === 'fixed' ? change.differences : []).toContain(difference)
  })
})
