import { expect, test } from 'vitest'
import {
  type RuleExamples,
  describeRules,
  lintTexts,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import {
  balancer,
  nodes,
  oneNodeMore,
  good,
  wrongPort,
} from '../../../../test/support/lint-deployment.ts'
import { acrossNodeRules } from './nodes.ts'

const examples: RuleExamples = {
  L601: {
    bad: { ...nodes, ...balancer('lb1', { servers: wrongPort }) },
    at: 'lb1/haproxy.cfg:7',
    good,
  },
  L607: {
    bad: { ...balancer('lb1', {}), ...oneNodeMore },
    at: 'lb1/haproxy.cfg:1',
    good,
  },
  L608: {
    bad: { ...nodes, ...balancer('lb1', { servers: [...wrongPort, 'pg-9 10.0.0.1:5499'] }) },
    at: 'lb1/haproxy.cfg:8',
    good,
  },
}

describeRules(acrossNodeRules, examples)

test('L601: the message names both ports, and whose port it is', () => {
  const servers = ['pg-0 10.0.0.1:5433', 'pg-1 10.0.0.1:5433']
  const findings = lintTexts({ ...nodes, ...balancer('lb1', { servers }) })
  expect(findings.find(({ rule }) => rule === 'L601')?.message).toBe(
    'server pg-1 of write uses port 5433, docker-compose.yml publishes 5434 for pg-1, and 5433 for pg-0',
  )
})

test.each([
  ['inside of the network', ['pg-0 pg-0:5432', 'pg-1 pg-1:5432'], 0],
  ['the published port inside of the network', ['pg-0 pg-0:5433'], 1],
  ['no port', ['pg-0 10.0.0.1'], 0],
  ['a template', ['pg-0 10.0.0.1:{{ port }}'], 0],
])('L601: %s', (_title, servers, count) => {
  expect(placesOf('L601', { ...nodes, ...balancer('lb1', { servers }) })).toHaveLength(count)
})

test('L601: variables of .env are filled in', () => {
  const text = nodes['docker-compose.yml']!.replace('5433:', '${PORT_0:-6000}:')
  const files = { ...balancer('lb1', {}), 'docker-compose.yml': text }
  expect(placesOf('L601', files)).toHaveLength(1)
  expect(placesOf('L601', { ...files, '.env': 'PORT_0=5433\n' })).toEqual([])
})
