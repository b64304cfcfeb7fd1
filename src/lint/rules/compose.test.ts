import { describe, expect, test } from 'vitest'
import {
  type Files,
  type RuleExamples,
  describeRules,
  lintTexts,
  placesOf,
} from '../../../test/support/lint-examples.ts'
import { composeRules } from './compose.ts'

const image = 'image: bitnami/postgresql-repmgr:16.4.0'

/** Services of YAML lines; the first one stands on line 2. */
function compose(...services: readonly (readonly [string, ...string[]])[]): Files {
  const text = services.flatMap(([name, ...lines]) => [
    `  ${name}:`,
    ...lines.map((line) => `    ${line}`),
  ])
  return { 'docker-compose.yml': ['services:', ...text, ''].join('\n') }
}

function environment(...lines: readonly string[]): readonly string[] {
  return ['environment:', ...lines.map((line) => `  - ${line}`)]
}

const sound = environment(
  'REPMGR_FENCE_OLD_PRIMARY=yes',
  'REPMGR_USE_PGREWIND=yes',
  'POSTGRESQL_NUM_SYNCHRONOUS_REPLICAS=1',
)

const examples: RuleExamples = {
  L301: {
    bad: compose(['pg-0', image], ['pg-1', image]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image]),
  },
  L302: {
    bad: compose(['pg-0', image, 'volumes: [/bitnami/postgresql]']),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, 'volumes: [pg-0-data:/bitnami/postgresql]']),
  },
  L303: {
    bad: compose(
      ['pg-0', image, 'volumes: [data:/bitnami/postgresql]'],
      ['pg-1', image, 'volumes:', '  - data:/bitnami/postgresql'],
    ),
    at: 'docker-compose.yml:8',
    good: compose(
      ['pg-0', image, 'volumes: [a:/bitnami/postgresql, common:/backup]'],
      ['pg-1', image, 'volumes: [b:/bitnami/postgresql, common:/backup]'],
    ),
  },
  L304: {
    bad: compose(
      ['pg-0', image, 'ports: ["5433:5432"]'],
      ['pg-1', image, 'ports: ["127.0.0.1:5433:5432"]'],
    ),
    at: 'docker-compose.yml:7',
    good: compose(['pg-0', image, 'ports: ["5433:5432"]'], ['pg-1', image, 'ports: ["5434:5432"]']),
  },
  L305: {
    bad: compose(['pg-0', 'image: postgres']),
    at: 'docker-compose.yml:3',
    good: compose(['pg-0', 'image: registry:5000/postgres:16.4']),
  },
  L306: {
    bad: compose(['pg-0', image, 'restart: "no"']),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, 'restart: always']),
  },
  L307: {
    bad: compose(['pg-0', image]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, 'stop_grace_period: 1m30s']),
  },
  L308: {
    bad: compose(['pg-0', image]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, 'shm_size: 256mb']),
  },
  L309: {
    bad: compose(['pg-0', image]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, 'healthcheck: { test: [CMD, pg_isready] }']),
  },
  L310: {
    bad: compose(['pg-0', image, 'hostname: ${HOST_NAME}']),
    at: 'docker-compose.yml:4',
    good: {
      ...compose(['pg-0', image, 'hostname: ${HOST_NAME}-${OTHER:-a}']),
      '.env': 'HOST_NAME=pg-0\n',
    },
  },
  L311: {
    bad: compose(['pg-0', image]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, ...sound]),
  },
  L312: {
    bad: compose(['pg-0', image, ...environment('REPMGR_USE_PGREWIND=no')]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, ...sound]),
  },
  L313: {
    bad: compose(['pg-0', image, ...environment('REPMGR_PRIMARY_HOST=pg-0')]),
    at: 'docker-compose.yml:5',
    good: compose(['pg-0', image]),
  },
  L314: {
    bad: compose(
      ['pg-0', image, ...environment('REPMGR_NODE_NAME=pg-0')],
      ['pg-1', image, ...environment('REPMGR_NODE_NAME=pg-0')],
    ),
    at: 'docker-compose.yml:9',
    good: compose(
      ['pg-0', image, ...environment('REPMGR_NODE_NAME=pg-0')],
      ['pg-1', image, ...environment('REPMGR_NODE_NAME=pg-1')],
    ),
  },
  L315: {
    bad: compose(['pg-0', image, ...environment('REPMGR_PARTNER_NODES=pg-0')], ['pg-1', image]),
    at: 'docker-compose.yml:5',
    good: compose(
      ['pg-0', image, ...environment('REPMGR_PARTNER_NODES=pg-0,pg-1:5432')],
      ['pg-1', image, ...environment('REPMGR_PARTNER_NODES=pg-0.example,pg-1')],
    ),
  },
  L316: {
    bad: compose(['pg-0', image], ['pg-1', image]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, ...sound], ['pg-1', image, ...sound]),
  },
  L317: {
    bad: compose([
      'pgw-0',
      image,
      ...environment('REPMGR_NODE_TYPE=witness'),
      'ports: ["5456:5432"]',
    ]),
    at: 'docker-compose.yml:6',
    good: compose([
      'pgw-0',
      image,
      ...environment('REPMGR_NODE_TYPE=witness'),
      'ports: ["10.0.0.4:5456:5432"]',
    ]),
  },
}

describeRules(composeRules, examples)

describe('volumes', () => {
  test.each([
    ['the official image', 'image: postgres:16', 'data:/var/lib/postgresql/data', 0],
    ['a folder of the host', 'image: postgres:16', './data:/var/lib/postgresql/data', 0],
    ['the folder above', image, 'data:/bitnami', 0],
    ['something else', 'image: postgres:16', 'data:/backup', 1],
    ['memory', 'image: postgres:16', '{ type: tmpfs, target: /var/lib/postgresql/data }', 1],
    [
      'the long form',
      'image: postgres:16',
      '{ type: volume, source: a, target: /var/lib/postgresql/data }',
      0,
    ],
    ['above the nameless volume of the image', 'image: postgres:16', 'data:/var/lib/postgresql', 1],
    ['version 18 and later', 'image: postgres:18', 'data:/var/lib/postgresql', 0],
    ['another image, its own folder', 'image: spilo-16:3.2', 'data:/home/postgres/pgdata', 0],
    ['TimescaleDB', 'image: timescale/timescaledb-ha:pg16', 'a:/home/postgres/pgdata/data', 0],
    ['a variable', 'image: postgres:16', '${DATA:-./data}:/var/lib/postgresql/data', 0],
  ])('L302: %s', (_title, from, volume, count) => {
    const files = compose(['pg-0', from, 'volumes:', `  - ${volume}`])
    expect(placesOf('L302', files)).toHaveLength(count)
  })
})

test('an exporter or a pooler is no data node', () => {
  const files = compose(
    ['exporter', 'image: prometheuscommunity/postgres-exporter:latest'],
    ['pooler', 'image: bitnami/pgbouncer:1'],
  )
  expect(placesOf('L302', files)).toEqual([])
  expect(placesOf('L305', files)).toEqual([])
})

test('swarm decides about hosts and restarts', () => {
  const deploy = [
    'deploy:',
    '  restart_policy: { condition: any }',
    '  placement: { constraints: [a] }',
  ]
  const files = compose(['pg-0', image, ...deploy], ['pg-1', image, ...deploy])
  expect(placesOf('L301', files)).toEqual([])
  expect(placesOf('L306', files)).toEqual([])
})

test('a template is never judged', () => {
  const files = compose(['pg-0', 'image: postgres:{{ version }}', 'restart: "{{ restart }}"'])
  expect(placesOf('L305', files)).toEqual([])
  expect(placesOf('L306', files)).toEqual([])
})

test('L302: the remedy names the folder of the image', () => {
  const [finding] = lintTexts(compose(['db', 'image: postgres:16'])).filter(
    ({ rule }) => rule === 'L302',
  )
  expect(finding?.fix).toContain('[db-data:/var/lib/postgresql/data]')
})

test('L308: a tmpfs in the place of shared memory, as swarm needs it', () => {
  expect(placesOf('L308', compose(['db', 'image: postgres:16', 'tmpfs: [/dev/shm]']))).toEqual([])
})

test.each(['{ disable: true }', '{ test: NONE }', '{ test: [NONE] }'])(
  'L309: %s',
  (healthcheck) => {
    const files = compose(['db', 'image: postgres:16', `healthcheck: ${healthcheck}`])
    expect(placesOf('L309', files)).toHaveLength(1)
  },
)

test.each(['"ab$hunter2"', 'ab$HUNTER2', '$hunter2', 'postgres://app:ab$hunter2@db/app'])(
  'L310: %s may be a password, and nothing of it is shown',
  (value) => {
    const files = compose(['db', 'image: postgres:16', `environment: { PASSWORD: ${value} }`])
    const [finding] = lintTexts(files).filter(({ rule }) => rule === 'L310')
    expect(finding?.fix).toMatch(/^\$\$ for a dollar sign/)
    expect(JSON.stringify(finding)).not.toMatch(/hunter2/i)
  },
)

test('a file that is no YAML is not judged further', () => {
  const files = compose(['db', 'image: postgres', '\trestart: always'])
  expect(lintTexts(files).every(({ rule }) => rule === 'L001')).toBe(true)
})
