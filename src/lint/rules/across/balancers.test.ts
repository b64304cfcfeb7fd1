import { expect, test } from 'vitest'
import {
  type RuleExamples,
  describeRules,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { balancer, good, wrongPort } from '../../../../test/support/lint-deployment.ts'
import { acrossBalancerRules } from './balancers.ts'

const examples: RuleExamples = {
  L604: {
    bad: { ...balancer('lb1', {}), ...balancer('lb2', { servers: wrongPort }) },
    at: 'lb2/haproxy.cfg:7',
    good,
  },
  L605: {
    bad: { ...balancer('lb1', {}), ...balancer('lb2', { bind: '*:5000' }) },
    at: 'lb2/haproxy.cfg:3',
    good,
  },
  L610: {
    bad: { ...balancer('lb1', {}), ...balancer('lb2', { timeout: '1h' }) },
    at: 'lb2/haproxy.cfg:5',
    good: { ...balancer('lb1', {}), ...balancer('lb2', { timeout: '1d' }) },
  },
}

describeRules(acrossBalancerRules, examples)

test('L604: a node on the own machine may have another address', () => {
  const servers = ['pg-0 127.0.0.1:5433', 'pg-1 10.0.0.1:5434']
  expect(placesOf('L604', { ...balancer('lb1', {}), ...balancer('lb2', { servers }) })).toEqual([])
})
