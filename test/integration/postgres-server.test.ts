// One real PostgreSQL (and a standby where it takes two): initialisation, gate, configuration, the
// synchronous list as its processes use it, slots.

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createPostgres } from '../../src/adapters/postgres/postgres.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { asNodeName } from '../../src/core/names.ts'
import type { PostgresObservation } from '../../src/core/server.ts'
import { listDirectoryProcesses, readCommandLine } from '../../src/host/process-table.ts'
import { messageOf } from '../../src/lib/errors.ts'
import type { PostgresEnd } from '../../src/ports/guard.ts'
import {
  PostgresLab,
  anyOf,
  closedAndNobody,
  labSecrets,
  openAndEmpty,
  type LabNode,
} from '../support/postgres.ts'
import { waitFor } from '../support/wait.ts'

const app = { user: 'app', password: labSecrets.app, database: 'app' }
const replication = { user: 'pgherd_replication', password: labSecrets.replication }

let lab: PostgresLab
beforeAll(async () => {
  lab = await PostgresLab.open()
})
afterAll(() => lab.close())

function primaryOf(seen: PostgresObservation) {
  if (seen.kind !== 'primary') throw new Error(`no primary but ${JSON.stringify(seen)}`)
  return seen
}

describe('a single server', () => {
  let node: LabNode
  beforeEach(async () => {
    node = await lab.node('pg-0')
  })
  afterEach(() => lab.reset())

  test('from nothing to a running primary: each step is seen, and may be repeated', async () => {
    const { postgres } = node
    expect(await postgres.inspect()).toEqual({ kind: 'absent' })
    expect(await postgres.observe(1000)).toEqual({ kind: 'absent' })
    const abandoned = await postgres.initialise(30_000)
    expect(await postgres.inspect()).toEqual({ kind: 'staged', systemId: abandoned })
    const startedAtMs = systemClock.monotonicMs()
    const systemId = await postgres.initialise(30_000)
    console.info(`initialise: ${(systemClock.monotonicMs() - startedAtMs).toFixed(0)} ms`)
    expect(systemId).not.toBe(abandoned)
    await postgres.adoptStaged()
    await postgres.adoptStaged()
    expect(await postgres.inspect()).toMatchObject({ kind: 'present', systemId, isClean: true })
    expect(await postgres.observe(1000)).toEqual({ kind: 'stopped' })
    await lab.startPrimary(node)
    await node.postgres.start('primary', 1000)
    await expect(node.postgres.start('standby', 1000)).rejects.toMatchObject({ kind: 'refused' })
    expect(await postgres.observe(1000)).toMatchObject({
      kind: 'primary',
      position: { timeline: 1 },
      walsenders: [],
      syncWaiterCount: 0,
    })
    await postgres.stop('fast', 10_000)
    await postgres.stop('fast', 10_000)
    expect(await postgres.inspect()).toMatchObject({ isStandby: false, isClean: true })
  })

  test('a staged system that is thrown away leaves nothing', async () => {
    await node.postgres.initialise(30_000)
    await node.postgres.discardStaged()
    await node.postgres.discardStaged()
    expect(await node.postgres.inspect()).toEqual({ kind: 'absent' })
  })

  test('an initialisation that fails says why and leaves nothing staged', async () => {
    const wrong = await lab.node('pg-1', { locale: 'xx_XX.nothing' })
    await expect(wrong.postgres.initialise(30_000)).rejects.toThrow(/locale/)
    expect(await wrong.postgres.inspect()).toEqual({ kind: 'absent' })
  })
})

describe('a running primary', () => {
  let node: LabNode
  beforeAll(async () => {
    node = await lab.node('pg-0')
    await lab.fill(node)
    await lab.startPrimary(node)
  })
  afterAll(() => lab.reset())

  test('roles, checksums, encoding and the application’s database are there; passwords are SCRAM', async () => {
    const [about] = await lab.sql<Record<string, unknown>>(
      node,
      `select current_setting('data_checksums') as checksums, current_setting('wal_log_hints') as hints,
        (select count(*)::int from pg_authid where rolpassword like 'SCRAM-SHA-256$%') as with_password,
        (select array_agg(rolname::text order by rolname) from pg_authid where rolsuper) as superusers,
        (select rolsuper or rolcreaterole or rolcreatedb from pg_authid
         where rolname = 'pgherd_replication') as is_mighty,
        (select pg_encoding_to_char(encoding) || ' ' || datcollate from pg_database
         where datname = 'app') as app`,
    )
    expect(about).toEqual({
      checksums: 'on',
      hints: 'on',
      with_password: 4,
      superusers: ['pgherd', 'postgres'],
      is_mighty: false,
      app: 'UTF8 C.UTF-8',
    })
    const client = await lab.client(node, app)
    await client.query('create table owned (n int); drop table owned')
  })

  test('no secret is in a log, a setting or a command line', async () => {
    const settings = await lab.sql<{ all: string }>(
      node,
      `select string_agg(setting, ' ') as all from pg_settings`,
    )
    const commandLines = listDirectoryProcesses(node.paths.data).flatMap(readCommandLine).join(' ')
    const log = await readFile(node.paths.serverLog, 'utf8')
    const guardLog = await readFile(path.join(node.paths.logs, 'guard.log'), 'utf8')
    for (const text of [settings[0]?.all ?? '', commandLines, log, guardLog]) {
      for (const secret of Object.values(labSecrets)) expect(text).not.toContain(secret)
    }
  })

  test('the gate: closed, only pgherd and replication get in; open, clients too; no restart', async () => {
    const inside = await lab.client(node, app)
    await node.postgres.configure({ ...openAndEmpty, gate: 'closed' })
    await waitFor(
      'clients are refused',
      () => lab.client(node, app).then(() => 'in', messageOf),
      (answer) => answer.includes('pg_hba.conf'),
    )
    await expect(lab.client(node)).rejects.toThrow(/pg_hba.conf/)
    await (await lab.client(node, replication)).query('select 1')
    expect(await node.postgres.observe(1000)).toMatchObject({ kind: 'primary' })
    // Who was in stays in until he is cut.
    await inside.query('select 1')
    const cut = new Promise((resolve) => inside.once('end', resolve))
    await node.postgres.terminateClients(1000)
    await cut
    await node.postgres.configure(openAndEmpty)
    await waitFor(
      'clients get in',
      () =>
        lab.client(node, app).then(
          () => true,
          () => false,
        ),
      (isIn) => isIn,
    )
  })

  test('the gate never opens for pgherd’s own superuser from the network', async () => {
    await expect(lab.client(node, { user: 'pgherd', password: labSecrets.pgherd })).rejects.toThrow(
      /pg_hba.conf rejects/,
    )
    await expect(lab.client(node, { ...app, password: 'wrong' })).rejects.toThrow(/password/)
  })

  test('the replication role reads what pg_rewind needs and nothing else', async () => {
    const client = await lab.client(node, replication)
    await client.query("select pg_ls_dir('pg_wal', true, false)")
    await expect(client.query('select rolpassword from pg_authid')).rejects.toThrow(/permission/)
    await expect(client.query("copy (select 1) to program 'true'")).rejects.toThrow(
      /permission|role/,
    )
  })

  test('configure reloads only when something changed', async () => {
    const loadedAt = async (): Promise<string> => {
      const rows = await lab.sql<{ at: string }>(node, 'select pg_conf_load_time()::text as at')
      return rows[0]?.at ?? ''
    }
    await node.postgres.configure(openAndEmpty)
    const before = await loadedAt()
    await node.postgres.configure(openAndEmpty)
    await node.postgres.configure({ ...openAndEmpty })
    expect(await loadedAt()).toBe(before)
    await node.postgres.configure({ ...openAndEmpty, sync: { kind: 'nobody' } })
    await waitFor('reloaded', loadedAt, (at) => at !== before)
    await node.postgres.configure(openAndEmpty)
  })

  test('an agent that takes over reloads once, whatever the former one left half done', async () => {
    const before = await lab.sql<{ at: string }>(node, 'select pg_conf_load_time()::text as at')
    const successor = createPostgres(node.options, { clock: systemClock, process: node.guard })
    await successor.configure(openAndEmpty)
    await waitFor(
      'reloaded',
      () => lab.sql<{ at: string }>(node, 'select pg_conf_load_time()::text as at'),
      (rows) => rows[0]?.at !== before[0]?.at,
    )
    await successor.close()
  })

  test('ALTER SYSTEM cannot take the synchronous list away', async () => {
    const taken: unknown[] = []
    const watchful = createPostgres(node.options, {
      clock: systemClock,
      process: node.guard,
      log: (_message, fields) => taken.push(fields['settings']),
    })
    await watchful.configure({ ...openAndEmpty, sync: { kind: 'nobody' } })
    await lab.sql(node, "alter system set synchronous_standby_names = ''")
    await lab.sql(node, 'alter system set fsync = off')
    await lab.sql(node, "alter system set work_mem = '5MB'")
    await lab.sql(node, 'select pg_reload_conf()')
    await waitFor(
      'the override works',
      () => node.postgres.observe(1000),
      (seen) => primaryOf(seen).syncSettingText === '',
    )
    const [fsync] = await lab.sql<{ fsync: string }>(node, 'show fsync')
    expect(fsync?.fsync).toBe('on')
    await watchful.configure({ ...openAndEmpty, sync: { kind: 'nobody' } })
    await waitFor(
      'the override is gone',
      () => node.postgres.observe(1000),
      (seen) => primaryOf(seen).syncSettingText === 'ANY 1 (pgherd_nobody)',
    )
    expect(taken).toEqual([['synchronous_standby_names', 'fsync']])
    const autoConf = await readFile(path.join(node.paths.data, 'postgresql.auto.conf'), 'utf8')
    expect(autoConf).toContain('work_mem')
    await watchful.configure(openAndEmpty)
    await watchful.close()
  })

  test('a mark is flushed, and later marks lie behind it', async () => {
    await node.postgres.configure({ ...openAndEmpty, sync: { kind: 'nobody' } })
    const first = await node.postgres.markWal(1000)
    const second = await node.postgres.markWal(1000)
    expect(second).toBeGreaterThan(first)
    const seen = primaryOf(await node.postgres.observe(1000))
    expect(seen.position.flushLsn).toBeGreaterThanOrEqual(second)
    await node.postgres.configure(openAndEmpty)
  })

  test('the commit probe: waits under a list that nobody satisfies, returns under the empty one', async () => {
    await node.postgres.configure(openAndEmpty)
    await waitFor(
      'the empty list is in use',
      () => node.postgres.probeSyncWait(3000),
      (outcome) => outcome === 'returned',
    )
    await node.postgres.configure({ ...openAndEmpty, sync: { kind: 'nobody' } })
    await waitFor(
      'commits wait',
      () => node.postgres.probeSyncWait(3000),
      (outcome) => outcome === 'waits',
    )
    expect(await node.postgres.probeSyncWait(3000)).toBe('waits')
    // Our own probes are no clients; a client that waits is.
    expect(primaryOf(await node.postgres.observe(1000)).syncWaiterCount).toBe(0)
    const client = await lab.client(node)
    const commit = client.query('create table waited (n int)')
    await waitFor(
      'the client waits',
      () => node.postgres.observe(1000),
      (seen) => primaryOf(seen).syncWaiterCount === 1,
    )
    await node.postgres.configure(openAndEmpty)
    await commit
    const probesOf = () =>
      lab.sql<{ n: number }>(
        node,
        `select count(*)::int as n from pg_stat_activity where application_name = 'pgherd sync probe'`,
      )
    await waitFor('no probe is left behind', probesOf, ([row]) => row?.n === 0)
  })

  test('a client that cancels its wait is reported, pgherd’s own probe is not', async () => {
    const lines: string[] = []
    node.postgres.onSyncWaitCancelled((line) => lines.push(line))
    await node.postgres.observe(1000)
    await node.postgres.configure({ ...openAndEmpty, sync: { kind: 'nobody' } })
    await waitFor(
      'commits wait',
      () => node.postgres.probeSyncWait(3000),
      (outcome) => outcome === 'waits',
    )
    const client = await lab.client(node)
    await client.query("set application_name = 'impatient'")
    const commit = client.query('create table cancelled (n int)')
    await waitFor(
      'the client waits',
      () => node.postgres.observe(1000),
      (seen) => primaryOf(seen).syncWaiterCount === 1,
    )
    await lab.sql(
      node,
      `select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'`,
    )
    // PostgreSQL calls it committed.
    await commit
    await waitFor(
      'the report',
      async () => {
        await node.postgres.observe(1000)
        return lines.length
      },
      (count) => count > 0,
    )
    expect(lines.every((line) => line.includes('impatient'))).toBe(true)
    await node.postgres.configure(openAndEmpty)
  })

  test('slots: made, kept, dropped, as the list of nodes says', async () => {
    const slots = async (): Promise<unknown[]> =>
      (
        await lab.sql<{ s: string }>(
          node,
          `select slot_name || case when restart_lsn is null then '' else ' holds WAL' end as s
           from pg_replication_slots order by 1`,
        )
      ).map((row) => row.s)
    await lab.sql(node, "select pg_create_physical_replication_slot('somebody_else')")
    const names = ['pg-1', 'pg-2'].map(asNodeName)
    await node.postgres.ensureSlots(names, 2000)
    await node.postgres.ensureSlots(names, 2000)
    expect(await slots()).toEqual([
      'pgherd_pg_1 holds WAL',
      'pgherd_pg_2 holds WAL',
      'somebody_else',
    ])
    await node.postgres.ensureSlots(names.slice(1), 2000)
    expect(await slots()).toEqual(['pgherd_pg_2 holds WAL', 'somebody_else'])
    await node.postgres.ensureSlots([], 2000)
    expect(await slots()).toEqual(['somebody_else'])
  })

  test('a server that does not answer is unknown, never stopped', async () => {
    const state = node.guard.state()
    const pid = state.kind === 'running' ? state.pid : -1
    const backends = listDirectoryProcesses(node.paths.data)
    for (const backend of backends) process.kill(backend, 'SIGSTOP')
    try {
      const startedAtMs = systemClock.monotonicMs()
      expect(await node.postgres.observe(300)).toMatchObject({ kind: 'unknown' })
      expect(systemClock.monotonicMs() - startedAtMs).toBeLessThan(600)
      await expect(node.postgres.markWal(300)).rejects.toMatchObject({ kind: 'timeout' })
    } finally {
      for (const backend of backends) process.kill(backend, 'SIGCONT')
    }
    expect(pid).toBeGreaterThan(0)
    await waitFor(
      'it answers again',
      () => node.postgres.observe(1000),
      (seen) => seen.kind === 'primary',
    )
    await node.postgres.markWal(2000)
  })
})

describe('endings', () => {
  let node: LabNode
  beforeEach(async () => {
    node = await lab.node('pg-0')
    await lab.fill(node)
  })
  afterEach(() => lab.reset())

  const nextEnd = (): Promise<PostgresEnd> =>
    new Promise((resolve) => node.guard.onPostgresGone(resolve))

  test('a crashed backend ends the server: it must come back through the gate', async () => {
    await lab.startPrimary(node)
    const client = await lab.client(node)
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    const end = nextEnd()
    process.kill(rows[0]?.pid ?? -1, 'SIGKILL')
    expect((await end).kind).toBe('exited')
    expect(await node.postgres.observe(1000)).toEqual({ kind: 'stopped' })
    expect(await node.postgres.inspect()).toMatchObject({ kind: 'present', isClean: false })
    await node.postgres.configure({ ...openAndEmpty, gate: 'closed' })
    await node.postgres.start('primary', 20_000)
    await expect(lab.client(node, app)).rejects.toThrow(/pg_hba.conf/)
  })

  test('a start that fails says what the server said', async () => {
    const other = await lab.node('pg-1', { port: node.options.port })
    await lab.fill(other)
    await lab.startPrimary(node)
    await expect(lab.startPrimary(other)).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('could not create any TCP/IP sockets') as string,
    })
    expect(await other.postgres.observe(1000)).toEqual({ kind: 'stopped' })
  })

  test('a parameter that pgherd manages is refused before anything starts', () => {
    expect(() =>
      createPostgres(
        { ...node.options, parameters: { restart_after_crash: true } },
        { clock: systemClock, process: node.guard },
      ),
    ).toThrow(/restart_after_crash/)
  })

  test('a fast stop that takes too long is reported, and goes on', async () => {
    await lab.startPrimary(node)
    await node.postgres.configure(closedAndNobody)
    const state = node.guard.state()
    const pid = state.kind === 'running' ? state.pid : -1
    process.kill(pid, 'SIGSTOP')
    await expect(node.postgres.stop('fast', 200)).rejects.toMatchObject({ kind: 'timeout' })
    process.kill(pid, 'SIGCONT')
    const startedAtMs = systemClock.monotonicMs()
    await node.postgres.stop('immediate', 5000)
    expect(systemClock.monotonicMs() - startedAtMs).toBeLessThan(2000)
    expect(readFileSync(path.join(node.paths.data, 'PG_VERSION'), 'utf8')).toMatch(/^\d+/)
  })
})

describe('a primary and a standby', () => {
  let primary: LabNode
  let standby: LabNode
  beforeAll(async () => {
    primary = await lab.node('pg-0')
    await lab.fill(primary)
    await lab.startPrimary(primary)
    standby = await lab.addStandby('pg-1', primary)
  })
  afterAll(() => lab.reset())

  const walsendersOf = async () => primaryOf(await primary.postgres.observe(1000)).walsenders

  test('the walsender says which list it uses', async () => {
    await primary.postgres.configure({ ...openAndEmpty, sync: anyOf(1, standby) })
    await waitFor('listed', walsendersOf, ([sender]) => sender?.syncPriority === 1)
    expect(await walsendersOf()).toMatchObject([
      { applicationName: standby.incarnation, state: 'streaming', syncState: 'quorum' },
    ])
    await lab.sql(primary, 'create table listed (n int)')
    await primary.postgres.configure({ ...openAndEmpty, sync: anyOf(1, primary) })
    await waitFor('not listed', walsendersOf, ([sender]) => sender?.syncPriority === 0)
    await primary.postgres.configure(openAndEmpty)
  })

  test('a session may show a list that no other process was told of yet; the postmaster is asked', async () => {
    const state = primary.guard.state()
    if (state.kind !== 'running') throw new Error('the server runs')
    await primary.postgres.observe(1000)
    // Our session is idle: it hears of this reload now, and reads the file when it is asked next.
    await primary.postgres.configure({ ...openAndEmpty, gate: 'closed' })
    await primary.postgres.reloadedSyncSetting(1000)
    process.kill(state.pid, 'SIGSTOP')
    try {
      await primary.postgres.configure({ ...openAndEmpty, sync: anyOf(1, standby) })
      const seen = primaryOf(await primary.postgres.observe(1000))
      expect(seen.syncSettingText).toContain(standby.incarnation)
      expect(seen.walsenders).toMatchObject([{ syncPriority: 0 }])
      await expect(primary.postgres.reloadedSyncSetting(300)).rejects.toThrow()
    } finally {
      process.kill(state.pid, 'SIGCONT')
    }
    await waitFor(
      'the postmaster has read it',
      () => primary.postgres.reloadedSyncSetting(1000),
      (text) => text.includes(standby.incarnation),
    )
    await primary.postgres.configure(openAndEmpty)
  })

  test('what is waiting is let go when the list can be satisfied', async () => {
    await primary.postgres.configure({ ...openAndEmpty, sync: { kind: 'nobody' } })
    await waitFor(
      'commits wait',
      () => primary.postgres.probeSyncWait(3000),
      (outcome) => outcome === 'waits',
    )
    const commit = lab.sql(primary, 'create table waited (n int)')
    await waitFor(
      'the client waits',
      () => primary.postgres.observe(1000),
      (seen) => primaryOf(seen).syncWaiterCount === 1,
    )
    await primary.postgres.configure({ ...openAndEmpty, sync: anyOf(1, standby) })
    await commit
    const mark = await primary.postgres.markWal(1000)
    await waitFor('flushed', walsendersOf, ([sender]) => (sender?.flushLsn ?? 0) >= mark)
    await primary.postgres.configure(openAndEmpty)
  })

  test('a terminated walsender comes back as a new one', async () => {
    const [before] = await walsendersOf()
    await primary.postgres.terminateWalsender(before?.pid ?? -1, 1000)
    const [after] = await waitFor(
      'another walsender',
      walsendersOf,
      ([sender]) => sender !== undefined && sender.pid !== before?.pid,
    )
    expect(after?.applicationName).toBe(standby.incarnation)
    // Only walsenders: anything else is left alone.
    const client = await lab.client(primary)
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    await primary.postgres.terminateWalsender(rows[0]?.pid ?? -1, 1000)
    await client.query('select 1')
  })

  test('a server is identified over the replication protocol', async () => {
    const inspected = await primary.postgres.inspect()
    const identity = await standby.postgres.identify(lab.upstream(primary, standby), 2000)
    expect(identity).toMatchObject({
      systemId: inspected.kind === 'present' ? inspected.systemId : null,
      timeline: 1,
    })
    expect(identity.lsn).toBeGreaterThan(0)
    await expect(
      standby.postgres.identify({ ...lab.upstream(primary, standby), port: 1 }, 500),
    ).rejects.toMatchObject({ kind: 'failed' })
  })

  test('slots on a standby hold no WAL back for ever', async () => {
    await standby.postgres.ensureSlots([asNodeName('pg-0'), asNodeName('pg-2')], 2000)
    const held = () =>
      lab.sql<{ n: number }>(
        standby,
        `select count(*)::int as n from pg_replication_slots
         where restart_lsn < pg_last_wal_replay_lsn()`,
      )
    expect((await held())[0]?.n).toBe(0)
    // As if it had been a primary once, and the slot in use.
    await lab.sql(standby, "select pg_drop_replication_slot('pgherd_pg_2')")
    await lab.sql(standby, "select pg_create_physical_replication_slot('pgherd_pg_2', true)")
    const mark = await primary.postgres.markWal(1000)
    await waitFor(
      'the standby has replayed',
      () => standby.postgres.observe(1000),
      (seen) => seen.kind === 'standby' && seen.replayLsn >= mark,
    )
    expect((await held())[0]?.n).toBe(1)
    await standby.postgres.ensureSlots([asNodeName('pg-0'), asNodeName('pg-2')], 2000)
    expect((await held())[0]?.n).toBe(0)
  })

  test('a standby whose WAL is gone on the primary says so', async () => {
    await standby.postgres.configure(closedAndNobody)
    await waitFor(
      'it receives nothing',
      () => standby.postgres.observe(1000),
      (seen) => seen.kind === 'standby' && !seen.isReceiving,
    )
    await primary.postgres.ensureSlots([], 2000)
    await lab.sql(primary, "alter system set wal_keep_size = '0'; ".trim())
    await lab.sql(primary, 'select pg_reload_conf()')
    for (let round = 0; round < 3; round += 1) {
      await lab.sql(primary, 'select pg_switch_wal()')
      await primary.postgres.checkpoint(10_000)
    }
    const upstream = { ...lab.upstream(primary, standby), slotName: '' }
    await standby.postgres.configure({ upstream, sync: { kind: 'nobody' }, gate: 'open' })
    await waitFor(
      'the trouble is named',
      () => standby.postgres.observe(1000),
      (seen) => seen.kind === 'standby' && seen.trouble === 'wal-removed',
    )
  })
})
