import { expect, test } from 'vitest'
import {
  type Files,
  type RuleExamples,
  describeRules,
  lintTexts,
  placesOf,
} from '../../../test/support/lint-examples.ts'
import { acrossRules } from './across.ts'

type Balancer = {
  readonly servers?: readonly string[]
  readonly bind?: string
  readonly maxconn?: number
  readonly timeout?: string
}

/** `bind` stands on line 3, the servers begin on line 6. */
function balancer(folder: string, { servers, bind, maxconn, timeout }: Balancer): Files {
  const lines = servers ?? ['pg-0 10.0.0.1:5433', 'pg-1 10.0.0.1:5434']
  return {
    [`${folder}/haproxy.cfg`]: [
      'listen write',
      '  mode tcp',
      `  bind ${bind ?? '*:5432'}`,
      `  maxconn ${maxconn ?? 95}`,
      `  timeout client ${timeout ?? '24h'}`,
      ...lines.map((line) => `  server ${line} check`),
      '',
    ].join('\n'),
  }
}

function keepalived(address: string): Files {
  return {
    'lb1/keepalived.conf': `vrrp_instance write {\n  virtual_ipaddress {\n    ${address}\n  }\n}\n`,
  }
}

const nodes: Files = {
  'docker-compose.yml': [
    'services:',
    ...['pg-0', 'pg-1'].flatMap((name, index) => [
      `  ${name}:`,
      '    image: bitnami/postgresql-repmgr:16',
      `    ports: ["${5433 + index}:5432"]`,
    ]),
    '',
  ].join('\n'),
}

const oneNodeMore: Files = {
  'docker-compose.yml': `${nodes['docker-compose.yml']!}  pg-2:\n    image: bitnami/postgresql-repmgr:16\n`,
}

const good = {
  ...nodes,
  ...balancer('lb1', {}),
  ...balancer('lb2', {}),
  ...keepalived('10.0.0.100'),
}
const wrongPort = ['pg-0 10.0.0.1:5433', 'pg-1 10.0.0.1:5444']

const examples: RuleExamples = {
  L601: {
    bad: { ...nodes, ...balancer('lb1', { servers: wrongPort }) },
    at: 'lb1/haproxy.cfg:7',
    good,
  },
  L602: { bad: { ...nodes, ...balancer('lb1', { maxconn: 50 }) }, at: 'lb1/haproxy.cfg:4', good },
  L603: { bad: { ...nodes, ...balancer('lb1', { maxconn: 500 }) }, at: 'lb1/haproxy.cfg:4', good },
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
  L606: {
    bad: { ...balancer('lb1', {}), ...keepalived('10.0.0.1/24') },
    at: 'lb1/keepalived.conf:3',
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
  L609: {
    bad: { ...balancer('lb1', { bind: '10.0.0.100:5432' }), ...keepalived('10.0.0.100/24') },
    at: 'lb1/haproxy.cfg:3',
    good: {
      ...balancer('lb1', { bind: '10.0.0.100:5432 transparent' }),
      ...keepalived('10.0.0.100/24'),
    },
  },
  L610: {
    bad: { ...balancer('lb1', {}), ...balancer('lb2', { timeout: '1h' }) },
    at: 'lb2/haproxy.cfg:5',
    good: { ...balancer('lb1', {}), ...balancer('lb2', { timeout: '1d' }) },
  },
}

describeRules(acrossRules, examples)

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

test('L604: a node on the own machine may have another address', () => {
  const servers = ['pg-0 127.0.0.1:5433', 'pg-1 10.0.0.1:5434']
  expect(placesOf('L604', { ...balancer('lb1', {}), ...balancer('lb2', { servers }) })).toEqual([])
})

test('L603: a limit of each server makes the rest wait', () => {
  const servers = ['pg-0 10.0.0.1:5433 maxconn 95', 'pg-1 10.0.0.1:5434 maxconn 95']
  expect(placesOf('L603', { ...nodes, ...balancer('lb1', { maxconn: 500, servers }) })).toEqual([])
})
