// Whole deployments: the one that many run today with all its faults, and what pgherd renders.

import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Files, finish, lintFiles, lintTexts } from '../../test/support/lint-examples.ts'
import { readDeployment } from './deployment.ts'
import { type Finding, lint } from './lint.ts'
import { rules } from './rules.ts'

function lintFolder(folder: string): readonly Finding[] {
  const root = path.join(import.meta.dirname, folder)
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => ({
      path: path.relative(root, file).replaceAll(path.sep, '/'),
      text: readFileSync(file, 'utf8'),
    }))
  return lintFiles(files)
}

test('the deployment of today: every fault', async () => {
  const findings = lintFolder('testdata/reference')
  const lines = findings.map(
    ({ places, severity, rule, message }) =>
      `${places.map(({ file, line }) => `${file}:${line}`).join(' ')} ${severity} ${rule} ${message}\n`,
  )
  await expect(lines.join('')).toMatchFileSnapshot('testdata/reference.txt')
})

test.each([
  ['a balancer that ignores roles', 'L101', 'lb1/haproxy.cfg'],
  ['two ports of one node', 'L601', 'lb1/haproxy.cfg'],
  ['an address that never moves', 'L201', 'lb1/keepalived.conf'],
  ['a backup in the data directory', 'L501', 'pg_basebackup.sh'],
  ['a password in the script', 'L502', 'pg_basebackup.sh'],
  ['the first primary of the list', 'L503', 'pg_basebackup.sh'],
  ['a fixed first primary', 'L313', 'docker-compose.yml'],
  ['WAL that is thrown away', 'L504', 'docker-compose.yml'],
  ['idle time-outs', 'L106', 'lb2/haproxy.cfg'],
  ['a limit below max_connections', 'L602', 'lb2/haproxy.cfg'],
  ['a VRRP password of 1111', 'L211', 'lb2/keepalived.conf'],
  ['default passwords', 'L401', '.env'],
  ['all nodes on one host', 'L301', 'docker-compose.yml'],
  ['a copy at each restart', 'L312', 'docker-compose.yml'],
  ['no fencing', 'L311', 'docker-compose.yml'],
])('the deployment of today has %s', (_title, rule, file) => {
  const findings = lintFolder('testdata/reference')
  const places = findings.filter((one) => one.rule === rule).flatMap((one) => one.places)
  expect(places.map((one) => one.file)).toContain(file)
})

describe('what pgherd renders', () => {
  test('two balancers with Keepalived: nothing', () => {
    expect(lintFolder('testdata/good')).toEqual([])
  })
  test.each(['hosts.cfg', 'loopback.cfg'])('%s of the adapter: nothing', (name) => {
    const file = path.join(import.meta.dirname, '../adapters/haproxy/testdata', name)
    const deployment = finish(readDeployment([{ path: name, text: readFileSync(file, 'utf8') }]))
    expect(deployment.haproxy).toHaveLength(1)
    expect(finish(lint(deployment))).toEqual([])
  })
})

test('rules: ids are in order and unique, texts are short and whole', () => {
  const ids = rules.map(({ id }) => id)
  expect(ids).toEqual([...new Set(ids)].sort())
  for (const { id, title, why, fix } of rules) {
    expect(title, id).not.toMatch(/\.$/)
    expect(why, id).toMatch(/^[A-Z].*\.$/)
    expect(fix, id).not.toMatch(/\.$/)
    for (const text of [title, why, fix]) expect(text.length, `${id} ${text}`).toBeLessThan(130)
  }
})

function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join('')
}

describe('very large files', () => {
  // What compares each with all others would run into the time limit.
  const limitMs = 15_000
  const image = 'image: bitnami/postgresql-repmgr:16'
  test.each([
    [
      'servers and nodes',
      {
        'lb1/haproxy.cfg': `listen write\n mode tcp\n${lines(7000, (n) => ` server pg-${n} 10.0.0.1:5432\n`)}`,
        'lb2/haproxy.cfg': `listen write\n mode tcp\n${lines(7000, (n) => ` server pg-${n} 10.0.0.2:5432\n`)}`,
        'compose.yml': `services:\n${lines(5000, (n) => `  pg-${n}: {${image}, ports: ["${n + 1}:5432"]}\n`)}`,
      },
    ],
    [
      'proxies of two servers',
      {
        'haproxy.cfg': lines(
          2500,
          (n) =>
            `frontend f${n}\n default_backend b${n}\nbackend b${n}\n` +
            ` server pg-${n} a:5432\n server pg-${n + 1} b:5432\n`,
        ),
        'compose.yml': `services:\n${lines(5000, (n) => `  pg-${n}: {${image}}\n`)}`,
      },
    ],
    [
      'nodes that know one partner and share a volume',
      {
        'compose.yml': `services:\n${lines(
          5000,
          (n) =>
            `  pg-${n}: {${image}, volumes: ["a:/bitnami/postgresql"], ports: ["10.0.0.${n}:1:5432"], ` +
            `environment: {REPMGR_PARTNER_NODES: pg-0, REPMGR_NODE_NAME: a}}\n`,
        )}`,
      },
    ],
    [
      'instances of one group',
      Object.fromEntries(
        [1, 2].map((lb) => [
          `lb${lb}/keepalived.conf`,
          lines(
            5000,
            (n) =>
              `vrrp_instance v${n} {\n virtual_router_id 1\n virtual_ipaddress { 10.${lb}.0.${n} }\n}\n`,
          ) + `vrrp_sync_group all {\n group {\n${lines(5000, (n) => `v${n}\n`)} }\n}\n`,
        ]),
      ),
    ],
    [
      'merges of merges',
      {
        'compose.yml':
          'x0: &x0 {image: a}\n' +
          lines(40, (n) => `x${n + 1}: &x${n + 1} {<<: [${`*x${n}, `.repeat(10)}]}\n`) +
          lines(20_000, (n) => `y${n}: &y${n} {<<: *${n === 0 ? 'x40' : `y${n - 1}`}}\n`) +
          'services:\n  a: *y19999\n',
      },
    ],
  ])(
    '%s → in time',
    (_title, files: Files) => {
      expect(Array.isArray(lintTexts(files))).toBe(true)
    },
    limitMs,
  )
  test('a message names some and counts the rest', () => {
    const text = `services:\n${lines(20, (n) => `  pg-${n}: {${image}}\n`)}`
    const [finding] = lintTexts({ 'compose.yml': text }).filter(({ rule }) => rule === 'L301')
    expect(finding?.message).toMatch(/^pg-0, .* pg-11 and 8 more run on the one host/)
    expect(finding?.facts['nodes']).toHaveLength(20)
  })
})
