// Whole deployments: the one that many run today with all its faults, and what pgherd renders.

import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
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
  return lint(readDeployment(files))
}

test('the deployment of today: every fault', async () => {
  const findings = lintFolder('testdata/reference')
  const lines = findings.map(
    ({ file, line, severity, rule, message }) => `${file}:${line} ${severity} ${rule} ${message}\n`,
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
  expect(findings.filter((one) => one.rule === rule).map((one) => one.file)).toContain(file)
})

describe('what pgherd renders', () => {
  test('two balancers with Keepalived: nothing', () => {
    expect(lintFolder('testdata/good')).toEqual([])
  })
  test.each(['hosts.cfg', 'loopback.cfg'])('%s of the adapter: nothing', (name) => {
    const file = path.join(import.meta.dirname, '../adapters/haproxy/testdata', name)
    const deployment = readDeployment([{ path: name, text: readFileSync(file, 'utf8') }])
    expect(deployment.haproxy).toHaveLength(1)
    expect(lint(deployment)).toEqual([])
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
