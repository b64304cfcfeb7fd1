import { expect, test } from 'vitest'
import { defaultSpec, parseSpec } from './load.ts'
import { renderSpec } from './render.ts'

test.each([
  ['the default cluster', ''],
  ['one node', 'nodes: [{ name: pg-0, role: data }]'],
  [
    'two data nodes and a witness',
    'nodes: [{name: a, role: data}, {name: b, role: data}, {name: w, role: witness}]\ndurability: strict\nplan: fast',
  ],
  [
    'hosts',
    'nodes: [{name: a, role: data, host: db-a}, {name: b, role: data, host: db-b, noFailover: true}, {name: w, role: witness, host: db-c}, {name: l, role: balancer, host: db-c}]',
  ],
  [
    'balancers with a VIP',
    'nodes: [{name: a, role: data, host: h}, {name: x, role: balancer, host: h}, {name: y, role: balancer, host: 10.0.0.2, interface: eth1}]\nbalancer: {vip: 10.0.0.9/24, readLagMaxMb: null}',
  ],
  ['no standby waited for', 'durability: async\npostgres: { parameters: { work_mem: 8MB } }'],
])('%s: what is written loads to the same cluster', (_title, text) => {
  const loaded = parseSpec(text, 'given')
  const again = parseSpec(renderSpec(loaded, ['from', 'a test']), 'written')
  expect(again.layout).toEqual(loaded.layout)
  expect(renderSpec(again, ['from', 'a test'])).toBe(renderSpec(loaded, ['from', 'a test']))
})

test('every port stands in the text', () => {
  expect(renderSpec(defaultSpec())).toContain('postgresPort: 5510')
  expect(renderSpec(defaultSpec())).toMatch(/write:\n {4}host: 127\.0\.0\.1\n {4}port: 5500/)
})
