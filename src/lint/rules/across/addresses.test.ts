import { type RuleExamples, describeRules } from '../../../../test/support/lint-examples.ts'
import { balancer, keepalived, good } from '../../../../test/support/lint-deployment.ts'
import { acrossAddressRules } from './addresses.ts'

const examples: RuleExamples = {
  L606: {
    bad: { ...balancer('lb1', {}), ...keepalived('10.0.0.1/24') },
    at: 'lb1/keepalived.conf:3',
    good,
  },
  L609: {
    bad: { ...balancer('lb1', { bind: '10.0.0.100:5432' }), ...keepalived('10.0.0.100/24') },
    at: 'lb1/haproxy.cfg:3',
    good: {
      ...balancer('lb1', { bind: '10.0.0.100:5432 transparent' }),
      ...keepalived('10.0.0.100/24'),
    },
  },
}

describeRules(acrossAddressRules, examples)
