import { expect, test } from 'vitest'
import {
  type RuleExamples,
  describeRules,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { haproxyExposureRules } from './exposure.ts'

const examples: RuleExamples = {
  L110: {
    bad: { 'haproxy.cfg': 'listen stats\n  mode http\n  bind *:8404\n  stats enable\n' },
    at: 'haproxy.cfg:4',
    good: { 'haproxy.cfg': 'listen stats\n  mode http\n  bind 127.0.0.1:8404\n  stats enable\n' },
  },
  L111: {
    bad: { 'haproxy.cfg': 'global\n  stats socket ipv4@0.0.0.0:9999 level admin\n' },
    at: 'haproxy.cfg:2',
    good: { 'haproxy.cfg': 'global\n  stats socket /run/haproxy.sock mode 600 level admin\n' },
  },
}

describeRules(haproxyExposureRules, examples)

test('L110: a password by http-request', () => {
  const text =
    'listen stats\n  bind *:8404\n  stats enable\n  stats http-request auth unless { http_auth(ops) }\n'
  expect(placesOf('L110', { 'haproxy.cfg': text })).toEqual([])
})
