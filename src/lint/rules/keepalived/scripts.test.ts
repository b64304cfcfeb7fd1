import { expect, test } from 'vitest'
import {
  type RuleExamples,
  describeRules,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { balancer, one, good } from '../../../../test/support/lint-keepalived.ts'
import { keepalivedScriptRules } from './scripts.ts'

const examples: RuleExamples = {
  L217: { bad: one({ script: 'killall -0 keepalived' }), at: 'keepalived.conf:2', good },
  L218: { bad: one({ script: 'killall -0 haproxy' }), at: 'keepalived.conf:2', good },
  L219: {
    bad: { 'keepalived.conf': balancer({}).replace('interval 1', 'interval 10\n  fall 3') },
    at: 'keepalived.conf:2',
    good,
  },
}

describeRules(keepalivedScriptRules, examples)

test.each([
  ['/bin/true', 1],
  ['pidof keepalived', 1],
  ['/usr/bin/check || true', 1],
  ['pidof haproxy', 0],
  ['/usr/local/bin/check-haproxy', 0],
])('L217: %s', (script, count) => {
  expect(placesOf('L217', one({ script }))).toHaveLength(count)
})
