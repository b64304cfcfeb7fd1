import { describe, expect, test } from 'vitest'
import {
  type Files,
  type RuleExamples,
  describeRules,
  placesOf,
} from '../../../test/support/lint-examples.ts'
import { haproxyRules } from './haproxy.ts'

/** A file whose proxy `postgres` begins on line 6. */
function proxy(...lines: readonly string[]): Files {
  const defaults = ['timeout connect 2s', 'timeout client 24h', 'timeout server 24h']
  return {
    'haproxy.cfg': [
      'defaults',
      '  mode tcp',
      ...defaults.map((line) => `  ${line}`),
      'listen postgres',
      ...lines.map((line) => `  ${line}`),
      '',
    ].join('\n'),
  }
}

function named(name: string, ...lines: readonly string[]): Files {
  const text = proxy(...lines, ...servers)['haproxy.cfg'] ?? ''
  return { 'haproxy.cfg': text.replace('listen postgres', `listen ${name}`) }
}

const servers = ['server pg-0 10.0.0.1:5432 check', 'server pg-1 10.0.0.2:5432 check']
const roleCheck = ['option httpchk OPTIONS /primary', 'default-server port 8008']
const cut = 'default-server on-marked-down shutdown-sessions'

const examples: RuleExamples = {
  L101: {
    bad: proxy('bind *:5432', ...servers),
    at: 'haproxy.cfg:6',
    good: proxy(...roleCheck, ...servers),
  },
  L102: {
    bad: proxy('server pg-0 10.0.0.1:5432', 'server pg-1 10.0.0.2:5432 check'),
    at: 'haproxy.cfg:7',
    good: proxy(...servers),
  },
  L103: {
    bad: proxy(...roleCheck, ...servers),
    at: 'haproxy.cfg:9',
    good: proxy(...roleCheck, cut, ...servers),
  },
  L104: {
    bad: proxy('balance leastconn', ...servers),
    at: 'haproxy.cfg:7',
    good: proxy('balance leastconn', ...roleCheck, ...servers),
  },
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
  L107: {
    bad: proxy('server pg-0 10.0.0.1:5432 check inter 10s'),
    at: 'haproxy.cfg:7',
    good: proxy('server pg-0 10.0.0.1:5432 check inter 1s fall 3'),
  },
  L108: {
    bad: proxy('server pg-0 10.0.0.1:5432 check', 'server pg-0 10.0.0.2:5432 check'),
    at: 'haproxy.cfg:8',
    good: proxy(...servers),
  },
  L109: {
    bad: proxy('server pg-0 10.0.0.1:5432 check', 'server pg-1 10.0.0.1:5432 check'),
    at: 'haproxy.cfg:8',
    good: proxy('server pg-0 10.0.0.1:5432 check', 'server spare 10.0.0.1:5432 check backup'),
  },
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
  L112: {
    bad: proxy(...servers, 'server pgw-0 10.0.0.3:5432 check'),
    at: 'haproxy.cfg:9',
    good: proxy(...servers),
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
  L114: {
    bad: proxy('mode http', ...servers),
    at: 'haproxy.cfg:7',
    good: proxy('mode tcp', ...servers),
  },
  L115: {
    bad: { 'haproxy.cfg': 'frontend postgres\n  bind *:5432\n  default_backend nowhere\n' },
    at: 'haproxy.cfg:3',
    good: { 'haproxy.cfg': 'frontend a\n  default_backend b\nbackend b\n  mode tcp\n' },
  },
  L116: {
    bad: proxy('option httpchk GET /health', 'default-server port 8008', ...servers),
    at: 'haproxy.cfg:7',
    good: proxy(...roleCheck, ...servers),
  },
  L117: {
    bad: proxy('option httpchk GET /primary', 'server pg-0 10.0.0.1:5432 check'),
    at: 'haproxy.cfg:8',
    good: proxy('option httpchk GET /primary', 'server pg-0 10.0.0.1:5432 check port 8008'),
  },
  L118: {
    bad: named('pg_primary', 'option httpchk OPTIONS /replica', 'default-server port 8008'),
    at: 'haproxy.cfg:7',
    good: named('pg_primary', 'option httpchk OPTIONS /read-write', 'default-server port 8008'),
  },
}

describeRules(haproxyRules, examples)

describe('role checks', () => {
  test.each([['option pgsql-check user app'], ['option tcp-check'], ['option tcpka']])(
    '%s does not tell roles',
    (line) => {
      expect(placesOf('L101', proxy(line, ...servers))).toHaveLength(1)
    },
  )
  test.each([
    [['option tcp-check', 'tcp-check expect string t']],
    [['option external-check', 'external-check command /usr/local/bin/is-primary']],
    [['default-server agent-check agent-port 9000']],
  ])('%s does', (lines) => {
    expect(placesOf('L101', proxy(...lines, ...servers))).toEqual([])
  })
  test('a listener for reads may spread over everything that is up', () => {
    expect(placesOf('L101', named('read', ...servers))).toEqual([])
  })
  test('a server that is disabled takes no writes', () => {
    const [first = ''] = servers
    const files = proxy('balance roundrobin', first, 'server pg-1 10.0.0.2:5432 check disabled')
    expect([...placesOf('L101', files), ...placesOf('L104', files)]).toEqual([])
  })
  test('a proxy for reads may ask for standbys', () => {
    const files = named('replicas-of-primary', 'option httpchk OPTIONS /replica', ...servers)
    expect(placesOf('L118', files)).toEqual([])
  })
  test('frontend and backend are one proxy', () => {
    const text =
      'defaults\n  mode tcp\n  timeout connect 1s\n  timeout server 1d\nfrontend write\n  bind *:5432\n' +
      `  default_backend nodes\nbackend nodes\n  ${servers.join('\n  ')}\n`
    expect(placesOf('L101', { 'haproxy.cfg': text })).toEqual(['haproxy.cfg:8'])
    expect(placesOf('L105', { 'haproxy.cfg': text })).toEqual(['haproxy.cfg:8'])
  })
  test('other programs behind HAProxy are not ours', () => {
    const text =
      'listen redis\n  mode tcp\n  bind *:6379\n  server a 10.0.0.1:6379\n  server b 10.0.0.2:6379\n'
    expect(placesOf('L102', { 'haproxy.cfg': text })).toEqual([])
  })
})

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

test('L110: a password by http-request', () => {
  const text =
    'listen stats\n  bind *:8404\n  stats enable\n  stats http-request auth unless { http_auth(ops) }\n'
  expect(placesOf('L110', { 'haproxy.cfg': text })).toEqual([])
})

test('L113: what proxies inherit from one line is counted once', () => {
  const proxies = 'listen a\nlisten b\nlisten c\n'
  const text = `global\n  maxconn 100\ndefaults\n  maxconn 60\n${proxies}`
  expect(placesOf('L113', { 'haproxy.cfg': text })).toEqual([])
})
