import { expect, test } from 'vitest'
import {
  type RuleExamples,
  describeRules,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { balancer, nodes, good } from '../../../../test/support/lint-deployment.ts'
import { acrossLimitRules } from './limits.ts'

const examples: RuleExamples = {
  L602: { bad: { ...nodes, ...balancer('lb1', { maxconn: 50 }) }, at: 'lb1/haproxy.cfg:4', good },
  L603: { bad: { ...nodes, ...balancer('lb1', { maxconn: 500 }) }, at: 'lb1/haproxy.cfg:4', good },
}

describeRules(acrossLimitRules, examples)

test('L602: limits come from the environment, a command, or postgresql.conf', () => {
  const conf = { 'postgresql.conf': 'max_connections = 300\n' }
  expect(placesOf('L602', { ...balancer('lb1', {}), ...conf })).toHaveLength(1)
  const command = nodes['docker-compose.yml']! + '    command: postgres -c max_connections=300\n'
  expect(placesOf('L602', { ...balancer('lb1', {}), 'docker-compose.yml': command })).toHaveLength(
    1,
  )
  const set =
    nodes['docker-compose.yml']! + '    environment: {POSTGRESQL_MAX_CONNECTIONS: "300"}\n'
  expect(placesOf('L602', { ...balancer('lb1', {}), 'docker-compose.yml': set })).toHaveLength(1)
})

test('L603: a limit of each server makes the rest wait', () => {
  const servers = ['pg-0 10.0.0.1:5433 maxconn 95', 'pg-1 10.0.0.1:5434 maxconn 95']
  expect(placesOf('L603', { ...nodes, ...balancer('lb1', { maxconn: 500, servers }) })).toEqual([])
})
