import { describe, expect, test } from 'vitest'
import {
  type RuleExamples,
  describeRules,
  lintTexts,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { proxy, named, servers, roleCheck, cut } from '../../../../test/support/lint-haproxy.ts'
import { haproxyRoleRules } from './roles.ts'

const examples: RuleExamples = {
  L101: {
    bad: proxy('bind *:5432', ...servers),
    at: 'haproxy.cfg:6',
    good: proxy(...roleCheck, ...servers),
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
  L116: {
    bad: proxy('option httpchk GET /health', 'default-server port 8008', ...servers),
    at: 'haproxy.cfg:7',
    good: proxy(...roleCheck, ...servers),
  },
  L118: {
    bad: named('pg_primary', 'option httpchk OPTIONS /replica', 'default-server port 8008'),
    at: 'haproxy.cfg:7',
    good: named('pg_primary', 'option httpchk OPTIONS /read-write', 'default-server port 8008'),
  },
}

describeRules(haproxyRoleRules, examples)

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

const startup =
  '0000002b000300007573657200726f6c655f636865636b00646174616261736500706f7374677265730000'

describe('L101 in front of containers with repmgr', () => {
  const compose = (image: string) => ({
    'compose.yml': `services:\n  pg-0: {image: ${image}}\n  pg-1: {image: ${image}}\n`,
  })
  const findingOf = (image: string) =>
    lintTexts({ ...compose(image), ...proxy(...servers) }).find(({ rule }) => rule === 'L101')
  test('the finding carries a check, and with it the fault is gone', () => {
    const snippet = findingOf('bitnami/postgresql-repmgr:16')?.snippet ?? []
    const sql = snippet.findIndex((line) => line.startsWith('# pg_hba.conf'))
    const mended = proxy(...snippet.slice(0, sql), ...servers)
    const found = lintTexts({ ...compose('bitnami/postgresql-repmgr:16'), ...mended })
    expect(found.map(({ rule }) => rule)).not.toContain('L101')
    expect(found.map(({ rule }) => rule)).not.toContain('L103')
    // As a real HAProxy sent it to a real primary and standby.
    expect(snippet).toContain(`tcp-check send-binary ${startup}5800000004`)
    expect(snippet).toContain('tcp-check expect binary 696e5f686f745f7374616e646279006f666600')
  })
  test.each([
    'bitnami/postgresql-repmgr:13.9',
    'bitnami/postgresql-repmgr:13@sha256:99',
    'postgres:16',
  ])('%s → none', (image) => {
    expect(findingOf(image)?.snippet).toBeUndefined()
  })
  test.each(['bitnami/postgresql-repmgr', 'bitnami/postgresql-repmgr@sha256:09ab'])(
    '%s, whose version nobody says → one',
    (image) => {
      expect(findingOf(image)?.snippet).toBeDefined()
    },
  )
})
