import { expect, test } from 'vitest'
import { choosePostgresPackage, findPrograms, findUnneededPackage } from './programs.mjs'

test('PostgreSQL package: several supported versions → the newest', () => {
  const offered = [
    'postgresql-9',
    'postgresql-14',
    'postgresql-17',
    'postgresql-15',
    'postgresql-19',
  ]
  expect(choosePostgresPackage(offered)).toBe('postgresql-17')
})

test('PostgreSQL package: only related packages or unsupported versions → none', () => {
  const offered = ['postgresql-13', 'postgresql-15-cron', 'postgresql-client-15', '', undefined]
  expect(choosePostgresPackage(offered)).toBeNull()
})

test('programs: every one says which package brings it and why', () => {
  expect(findPrograms().map((program) => program.packageName)).toEqual([
    'postgresql',
    'etcd-server',
    'haproxy',
    'keepalived',
    'iproute2',
    'nftables',
  ])
})

test('packages for root: what a missing program asks for → all are needed, nothing else is', () => {
  const asked = findPrograms().map((program) => program.packageName)
  expect(findUnneededPackage(asked)).toBeNull()
  expect(findUnneededPackage([...asked, 'openssh-server'])).toBe('openssh-server')
})
