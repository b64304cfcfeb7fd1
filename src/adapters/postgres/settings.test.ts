import { expect, test } from 'vitest'
import { asNodeName, incarnationOf, type ClusterName } from '../../core/names.ts'
import { makeList } from '../../core/sync-list.ts'
import { timingPlans } from '../../core/timing-plan.ts'
import type { PostgresOptions } from './options.ts'
import {
  refusedParameters,
  renderArguments,
  renderDynamicSettings,
  renderPassfile,
  renderStaticSettings,
  stripManagedSettings,
} from './settings.ts'

const options: PostgresOptions = {
  cluster: 'main' as ClusterName,
  node: asNodeName('pg-1'),
  nodeDirectory: '/var/lib/pgherd/pg-1',
  socketDirectory: '/run/pgherd/pg-1',
  host: '10.0.0.2',
  port: 5432,
  binaries: {
    directory: '/usr/lib/postgresql/15/bin',
    version: { major: 15, minor: 18 },
    warnings: [],
  },
  runAs: null,
  plan: timingPlans.balanced,
  secrets: { superuser: 's', pgherd: 'h', replication: 're:pl\\ica', app: 'a' },
  application: { database: 'app', user: 'app' },
  locale: 'C.UTF-8',
  encoding: 'UTF8',
  parameters: { work_mem: '64MB', max_connections: 300, jit: false, search_path: "it's" },
  slotCapMb: 4096,
  clusterHosts: ['10.0.0.1', '10.0.0.2'],
  allowFrom: ['samenet'],
}

const upstream = {
  node: asNodeName('pg-0'),
  host: '10.0.0.1',
  port: 5432,
  slotName: 'pgherd_pg_1',
  applicationName: incarnationOf(asNodeName('pg-1'), '3f9ac2d1'),
}

test('postgresql.conf', () => {
  expect(renderStaticSettings(options)).toMatchInlineSnapshot(`
    "# Written by pgherd for pg-1. Change cluster.yaml instead: this file is overwritten.

    # Suggested; parameters of cluster.yaml come after them and win.
    hot_standby_feedback = 'off'
    wal_keep_size = '128MB'
    log_checkpoints = 'on'
    log_lock_waits = 'on'

    # Parameters of cluster.yaml.
    work_mem = '64MB'
    max_connections = '300'
    jit = 'off'
    search_path = 'it''s'

    # Managed.
    listen_addresses = '10.0.0.2'
    cluster_name = 'pg-1'
    wal_level = 'replica'
    hot_standby = 'on'
    wal_log_hints = 'on'
    max_wal_senders = '14'
    max_replication_slots = '14'
    max_slot_wal_keep_size = '4096MB'
    wal_retrieve_retry_interval = '20ms'
    wal_receiver_status_interval = '1s'
    wal_receiver_timeout = '3600ms'
    wal_sender_timeout = '3600ms'
    synchronous_commit = 'on'
    password_encryption = 'scram-sha-256'
    recovery_target_timeline = 'latest'
    restore_command = ''
    superuser_reserved_connections = '6'
    logging_collector = 'off'
    log_destination = 'stderr'
    log_line_prefix = '%m [%p] %q%u@%d %a '
    lc_messages = 'C'

    include 'dynamic.conf'
    "
  `)
})

test('the command line carries what nothing may override, and no secret', () => {
  expect(renderArguments(options).join(' ')).toMatchInlineSnapshot(
    `"-D /var/lib/pgherd/pg-1/pgdata -c config_file=/var/lib/pgherd/pg-1/conf/postgresql.conf -c hba_file=/var/lib/pgherd/pg-1/conf/pg_hba.conf -c port=5432 -c unix_socket_directories=/run/pgherd/pg-1 -c fsync=on -c full_page_writes=on -c restart_after_crash=off"`,
  )
})

test('a standby is started with no less than its WAL was written with', () => {
  const minimums = { max_connections: 500, max_worker_processes: 8, max_wal_senders: 10 }
  expect(renderArguments(options, minimums).slice(-2)).toEqual(['-c', 'max_connections=500'])
  expect(renderArguments(options, { max_connections: 300 })).toEqual(renderArguments(options))
})

test('dynamic.conf of a standby: the password stays in the passfile', () => {
  const text = renderDynamicSettings(options, { upstream, sync: { kind: 'nobody' }, gate: 'open' })
  expect(text).toMatchInlineSnapshot(`
    "primary_conninfo = 'host=10.0.0.1 port=5432 user=pgherd_replication passfile=/var/lib/pgherd/pg-1/conf/receiver-passfile application_name=pg-1-3f9ac2d1 connect_timeout=4 tcp_user_timeout=3600 sslmode=prefer gssencmode=disable'
    primary_slot_name = 'pgherd_pg_1'
    synchronous_standby_names = 'ANY 1 (pgherd_nobody)'
    "
  `)
  expect(text).not.toContain(options.secrets.replication)
})

test('dynamic.conf of a standby of nobody: it keeps the WAL that pg_rewind may ask for', () => {
  const text = renderDynamicSettings(options, {
    upstream: null,
    sync: { kind: 'nobody' },
    gate: 'closed',
  })
  expect(text).toMatchInlineSnapshot(`
    "primary_conninfo = ''
    primary_slot_name = ''
    synchronous_standby_names = 'ANY 1 (pgherd_nobody)'
    wal_keep_size = '1TB'
    "
  `)
})

test('dynamic.conf of a primary', () => {
  const list = makeList(1, [
    incarnationOf(asNodeName('pg-0'), '11111111'),
    upstream.applicationName,
  ])
  const text = renderDynamicSettings(options, {
    upstream: null,
    sync: { kind: 'list', list },
    gate: 'open',
  })
  expect(text).toMatchInlineSnapshot(`
    "primary_conninfo = ''
    primary_slot_name = ''
    synchronous_standby_names = 'ANY 1 ("pg-0-11111111", "pg-1-3f9ac2d1")'
    "
  `)
})

test('the passfile escapes what separates its fields', () => {
  expect(renderPassfile(options.secrets.replication)).toBe(
    '*:*:*:pgherd_replication:re\\:pl\\\\ica\n',
  )
})

test('the passfile of a receiver is good for its upstream only', () => {
  const server = { host: 'fd00::1', port: 5433 }
  expect(renderPassfile('secret', server)).toBe('fd00\\:\\:1:5433:*:pgherd_replication:secret\n')
})

test('parameters that pgherd manages are refused by name, in any case', () => {
  const parameters = { work_mem: '1MB', Fsync: 'off', port: 1, synchronous_standby_names: '' }
  expect(refusedParameters({ ...options, parameters })).toEqual([
    'Fsync',
    'port',
    'synchronous_standby_names',
  ])
  expect(refusedParameters(options)).toEqual([])
})

test('ALTER SYSTEM: what we manage is taken out, the rest stays', () => {
  const autoConf = [
    '# Do not edit this file manually!',
    "work_mem = '8MB'",
    "synchronous_standby_names = ''",
    "  FSYNC = 'off'",
    '',
  ].join('\n')
  expect(stripManagedSettings(autoConf, options)).toEqual({
    text: ['# Do not edit this file manually!', "work_mem = '8MB'", ''].join('\n'),
    removed: ['synchronous_standby_names', 'fsync'],
  })
})
