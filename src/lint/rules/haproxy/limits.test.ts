import { describe, expect, test } from 'vitest'
import {
  type RuleExamples,
  describeRules,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { proxy, servers } from '../../../../test/support/lint-haproxy.ts'
import { haproxyLimitRules } from './limits.ts'

const examples: RuleExamples = {
  L105: {
    bad: {
      'haproxy.cfg': `listen postgres\n  mode tcp\n  bind *:5432\n  ${servers.join('\n  ')}\n`,
    },
    at: 'haproxy.cfg:1',
    good: proxy(...servers),
  },
  L106: {
    bad: proxy('timeout client 50s', ...servers),
    at: 'haproxy.cfg:7',
    good: proxy('timeout client 50s', 'timeout tunnel 12h', ...servers),
  },
  L113: {
    bad: {
      'haproxy.cfg': 'global\n  maxconn 100\nlisten a\n  maxconn 80\nlisten b\n  maxconn 80\n',
    },
    at: 'haproxy.cfg:2',
    good: {
      'haproxy.cfg': 'global\n  maxconn 300\nlisten a\n  maxconn 80\nlisten b\n  maxconn 80\n',
    },
  },
}

describeRules(haproxyLimitRules, examples)

describe('time-outs', () => {
  test('those of the defaults that defaults start from hold', () => {
    const base = proxy()['haproxy.cfg']?.replace('defaults', 'defaults base').split('listen')[0]
    const text = `${base ?? ''}defaults pg from base\nlisten postgres\n  ${servers.join('\n  ')}\n`
    expect(placesOf('L105', { 'haproxy.cfg': text })).toEqual([])
  })
  test('0 is as good as missing, and cuts nothing', () => {
    const files = proxy('timeout client 0', ...servers)
    expect([placesOf('L105', files), placesOf('L106', files)]).toEqual([['haproxy.cfg:6'], []])
  })
  test('timeout tunnel of the backend counts for its frontends', () => {
    const text =
      'defaults\n  mode tcp\n  timeout client 50s\nfrontend write\n  bind *:5432\n  default_backend nodes\n' +
      `backend nodes\n  timeout tunnel 12h\n  timeout server 50s\n  ${servers.join('\n  ')}\n`
    expect(placesOf('L106', { 'haproxy.cfg': text })).toEqual([])
  })
})

test('L113: maxconn 0 leaves the limit to HAProxy', () => {
  const text = 'global\n  maxconn 0\nlisten pg\n  mode tcp\n  bind *:5432\n  maxconn 50\n'
  expect(placesOf('L113', { 'haproxy.cfg': text })).toEqual([])
})

test('L113: what proxies inherit from one line is counted once', () => {
  const proxies = 'listen a\nlisten b\nlisten c\n'
  const text = `global\n  maxconn 100\ndefaults\n  maxconn 60\n${proxies}`
  expect(placesOf('L113', { 'haproxy.cfg': text })).toEqual([])
})
