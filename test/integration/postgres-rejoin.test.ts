// How a node comes back: its diverged WAL kept aside, rewound, cloned; and what a kill in the middle of
// each leaves behind.

import { spawn } from 'node:child_process'
import { chown, mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { placeOf } from '../../src/host/file-place.ts'
import { dataMark } from '../../src/host/node-identity.ts'
import { createPostgres } from '../../src/adapters/postgres/postgres.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { asEpoch, asTimeline } from '../../src/core/names.ts'
import type { Lsn } from '../../src/core/lsn.ts'
import { kinshipOf, type TimelineHistory } from '../../src/core/position.ts'
import type { PostgresObservation } from '../../src/core/server.ts'
import { listProcessesWithArgument } from '../../src/host/process-table.ts'
import type { CopyProgress } from '../../src/ports/postgres.ts'
import {
  PostgresLab,
  closedAndNobody,
  neverAborted,
  openAndEmpty,
  type LabNode,
} from '../support/postgres.ts'
import { waitFor } from '../support/wait.ts'

let lab: PostgresLab
let a: LabNode
let b: LabNode

beforeAll(async () => {
  lab = await PostgresLab.open()
})
afterAll(() => lab.close())

beforeEach(async () => {
  ;[a, b] = await lab.pair()
  await lab.sql(a, 'create table kept (n int)')
})
afterEach(() => lab.reset())

function standbyOf(seen: PostgresObservation) {
  if (seen.kind !== 'standby') throw new Error(`no standby but ${JSON.stringify(seen)}`)
  return seen
}

async function atEnd(node: LabNode) {
  const seen = await waitFor(
    `${node.name} is at its end`,
    () => node.postgres.observe(1000),
    (look) => look.kind === 'standby' && !look.isReceiving && look.isAtEndOfWal,
  )
  return standbyOf(seen)
}

/** Fills whole segments. @returns a position behind them */
async function writeSegments(node: LabNode, count: number): Promise<Lsn> {
  for (let n = 0; n < count; n += 1) {
    await lab.sql(node, 'insert into kept values (-1)')
    await lab.sql(node, 'select pg_switch_wal()')
  }
  return node.postgres.markWal(1000)
}

async function awaitReplayed(node: LabNode, mark: Lsn): Promise<void> {
  await waitFor(
    `${node.name} has everything so far`,
    () => node.postgres.observe(1000),
    (look) => standbyOf(look).replayLsn >= mark,
  )
}

/** `a` goes on alone for `commitCount` commits, dies, and `b` is promoted without them. */
async function diverge(
  commitCount: number,
  { keepSlots } = { keepSlots: true },
): Promise<TimelineHistory> {
  await awaitReplayed(b, await a.postgres.markWal(1000))
  await b.postgres.configure(closedAndNobody)
  await atEnd(b)
  const client = await lab.client(a)
  for (let n = 0; n < commitCount; n += 1)
    await client.query(`insert into kept values (${String(n)})`)
  await a.postgres.stop('immediate', 5000)
  await a.guard.disarm()
  await lab.arm(b)
  await b.postgres.promote(asTimeline(3), 10_000)
  await b.postgres.configure(openAndEmpty)
  await lab.sql(b, 'create table new_branch (n int)')
  if (keepSlots) await b.postgres.ensureSlots([a.options.node], 1000)
  return b.postgres.history(asTimeline(3))
}

/** What the agent does first with a directory that was a primary: look at it as a standby of nobody. */
async function lookAsStandby(node: LabNode) {
  await node.postgres.configure(closedAndNobody)
  await node.postgres.start('standby', 20_000)
  const seen = await atEnd(node)
  await node.postgres.stop('fast', 10_000)
  return seen
}

async function followAndCompare(node: LabNode, primary: LabNode): Promise<void> {
  await lab.follow(node, primary)
  await node.postgres.start('standby', 20_000)
  const mark = await primary.postgres.markWal(1000)
  await waitFor(
    `${node.name} follows`,
    () => node.postgres.observe(1000),
    (look) => look.kind === 'standby' && look.isStreaming && look.replayLsn >= mark,
  )
  const count =
    'select (select count(*)::int from kept) as kept, count(*)::int as n from new_branch'
  expect(await lab.sql(node, count)).toEqual(await lab.sql(primary, count))
}

test('fork: the lost commits are counted and kept, the rewound node follows', async () => {
  const history = await diverge(7)
  // PostgreSQL makes segments for later use. What reads WAL may find this one first.
  const spare = path.join(a.paths.data, 'pg_wal', '0000000100000000000000F0')
  await writeFile(spare, Buffer.alloc(16 * 1024 * 1024))
  const { runAs } = a.options
  if (runAs !== null) await chown(spare, runAs.uid, runAs.gid)
  const seen = await lookAsStandby(a)
  const kinship = kinshipOf(seen.position, asTimeline(3), history)
  if (kinship.kind !== 'diverged') throw new Error(`kinship is ${kinship.kind}`)

  const kept = await a.postgres.keepDivergedWal(kinship.forkLsn, asEpoch(4))
  expect(kept.commitCount).toBe(7)
  expect(await a.postgres.keepDivergedWal(kinship.forkLsn, asEpoch(4))).toEqual(kept)
  expect((await readdir(kept.path)).sort()).toEqual(['000000010000000000000003', 'about.json'])
  expect(JSON.parse(await readFile(path.join(kept.path, 'about.json'), 'utf8'))).toMatchObject({
    epoch: 4,
    timeline: 1,
    commitCount: 7,
  })

  const progress: CopyProgress[] = []
  const startedAtMs = systemClock.monotonicMs()
  const place = await placeOf(dataMark(a.paths.data))
  await a.postgres.rewind(lab.upstream(b, a), (step) => progress.push(step), neverAborted())
  // By this file a data directory is told from a copy: a rewind may not make it another.
  expect(await placeOf(dataMark(a.paths.data))).toBe(place)
  console.info(`rewind: ${(systemClock.monotonicMs() - startedAtMs).toFixed(0)} ms`)
  expect(progress.at(-1)?.doneBytes).toBe(progress.at(-1)?.totalBytes)
  expect(progress.at(-1)?.totalBytes).toBeGreaterThan(0)
  expect(await a.postgres.inspect()).toMatchObject({ kind: 'present', isStandby: true })
  await followAndCompare(a, b)
  expect(await lab.sql(a, 'select count(*)::int as n from kept')).toEqual([{ n: 0 }])
  await a.postgres.stop('fast', 10_000)
  // Again, on a directory that needs nothing: nothing breaks.
  await a.postgres.rewind(lab.upstream(b, a), () => undefined, neverAborted())
  await followAndCompare(a, b)
})

test('a crashed directory is made clean before it is rewound', async () => {
  await diverge(3)
  expect(await a.postgres.inspect()).toMatchObject({ kind: 'present', isClean: false })
  await a.postgres.rewind(lab.upstream(b, a), () => undefined, neverAborted())
  await followAndCompare(a, b)
})

test('rewound from a primary that writes on → starts by itself, receiving from nobody', async () => {
  await diverge(3)
  const client = await lab.client(b)
  const writing = new AbortController()
  const written = (async () => {
    while (!writing.signal.aborted) await client.query('insert into kept values (1)')
  })()
  await a.postgres.rewind(lab.upstream(b, a), () => undefined, neverAborted())
  writing.abort()
  await written
  await a.postgres.configure(closedAndNobody)
  await a.postgres.start('standby', 20_000)
  await atEnd(a)
  await a.postgres.stop('fast', 10_000)
  await followAndCompare(a, b)
})

test('dead before its first checkpoint on a new timeline → rewound all the same', async () => {
  // Many changed pages: the checkpoint that a promotion asks for takes its time.
  await lab.sql(a, 'create table filler as select generate_series(1, 100000) as n')
  // b takes over from a that stopped cleanly, a follows without a rewind.
  await a.postgres.stop('fast', 10_000)
  await a.guard.disarm()
  await b.postgres.configure(closedAndNobody)
  await atEnd(b)
  await lab.arm(b)
  await b.postgres.promote(asTimeline(3), 10_000)
  await b.postgres.configure(openAndEmpty)
  await b.postgres.ensureSlots([a.options.node], 1000)
  await lab.follow(a, b)
  await a.postgres.start('standby', 20_000)
  // More than wal_keep_size since the last checkpoint: what b does next must not remove it.
  await awaitReplayed(a, await writeSegments(b, 10))
  // b goes on alone and dies; a takes over without what b wrote last.
  await a.postgres.configure(closedAndNobody)
  await atEnd(a)
  await b.postgres.ensureSlots([], 1000)
  await lab.sql(b, 'insert into kept values (1)')
  await b.postgres.stop('immediate', 5000)
  await b.guard.disarm()
  await lab.arm(a)
  await a.postgres.promote(asTimeline(4), 10_000)
  await a.postgres.configure(openAndEmpty)
  await lab.sql(a, 'create table new_branch (n int)')
  await a.postgres.ensureSlots([b.options.node], 1000)

  await lookAsStandby(b)
  await b.postgres.rewind(lab.upstream(a, b), () => undefined, neverAborted())
  await followAndCompare(b, a)
  expect(await lab.sql(b, 'select count(*)::int as n from kept where n = 1')).toEqual([{ n: 0 }])
})

test('slots that were made on a standby hold WAL once its server is primary, or is rewound from', async () => {
  await b.postgres.ensureSlots([a.options.node], 1000)
  const held = () =>
    lab.sql<{ n: number }>(
      b,
      'select count(*)::int as n from pg_replication_slots where restart_lsn is not null',
    )
  await diverge(1, { keepSlots: false })
  expect(await held()).toEqual([{ n: 0 }])
  await a.postgres.rewind(lab.upstream(b, a), () => undefined, neverAborted())
  expect(await held()).toEqual([{ n: 1 }])
  await lab.sql(b, `select pg_drop_replication_slot('pgherd_pg_0')`)
  await lab.sql(b, `select pg_create_physical_replication_slot('pgherd_pg_0')`)
  expect(await held()).toEqual([{ n: 0 }])
  await b.postgres.ensureSlots([a.options.node], 1000)
  expect(await held()).toEqual([{ n: 1 }])
})

test('commits on two timelines are counted from the fork on', async () => {
  // a: commits on 1, promoted to 2 (its own), commits there; b forks off before all of that.
  await awaitReplayed(b, await a.postgres.markWal(1000))
  await b.postgres.configure(closedAndNobody)
  const fork = (await atEnd(b)).position.flushLsn
  await lab.sql(a, 'insert into kept values (1)')
  await a.postgres.stop('fast', 10_000)
  await a.postgres.configure(closedAndNobody)
  await a.postgres.start('standby', 20_000)
  await atEnd(a)
  await a.postgres.promote(asTimeline(2), 10_000)
  await a.postgres.configure(openAndEmpty)
  await lab.sql(a, 'insert into kept values (2)')
  await lab.sql(a, 'select pg_switch_wal()')
  await lab.sql(a, 'insert into kept values (3)')
  await a.postgres.stop('immediate', 5000)
  const kept = await a.postgres.keepDivergedWal(fork, asEpoch(9))
  expect(kept.commitCount).toBe(3)
  expect((await readdir(kept.path)).sort()).toEqual([
    '000000010000000000000003',
    '00000002.history',
    '000000020000000000000003',
    '000000020000000000000004',
    'about.json',
  ])
  // Nothing is known in common: everything since the last checkpoint, uncounted.
  expect((await a.postgres.keepDivergedWal(null, asEpoch(9))).commitCount).toBeNull()
})

test('a rewind that cannot begin leaves the directory as it was', async () => {
  await diverge(1)
  const before = await lookAsStandby(a)
  await b.postgres.stop('fast', 10_000)
  await expect(
    a.postgres.rewind(lab.upstream(b, a), () => undefined, neverAborted()),
  ).rejects.toMatchObject({ kind: 'failed' })
  expect(await a.postgres.inspect()).toMatchObject({ kind: 'present', isClean: true })
  expect((await lookAsStandby(a)).position).toEqual(before.position)
})

test('a rewind that was killed in the middle is seen, and a clone makes good', async () => {
  await diverge(1)
  await writeFile(a.paths.rewindMark, '')
  expect(await a.postgres.inspect()).toMatchObject({ kind: 'broken', why: /rewind/ as never })
  const progress: CopyProgress[] = []
  const startedAtMs = systemClock.monotonicMs()
  await a.postgres.clone(lab.upstream(b, a), (step) => progress.push(step), neverAborted())
  console.info(`clone: ${(systemClock.monotonicMs() - startedAtMs).toFixed(0)} ms`)
  expect(progress.at(-1)?.doneBytes).toBeGreaterThan(10_000_000)
  expect(progress.map((step) => step.doneBytes)).toEqual(
    progress.map((step) => step.doneBytes).sort((left, right) => left - right),
  )
  expect(await a.postgres.inspect()).toMatchObject({ kind: 'present', isStandby: true })
  // The old directory is kept until the new one streams (I8).
  expect(await readdir(a.paths.replaced)).toContain('PG_VERSION')
  await followAndCompare(a, b)
  await a.postgres.discardReplaced()
  await a.postgres.discardReplaced()
  expect(
    (await readdir(a.options.nodeDirectory)).filter((name) => name.startsWith('pgdata')),
  ).toEqual(['pgdata'])
})

test('a clone that is aborted, or fails, changes nothing', async () => {
  await diverge(1)
  const before = await a.postgres.inspect()
  const controller = new AbortController()
  const cloning = a.postgres.clone(
    lab.upstream(b, a),
    () => {
      controller.abort()
    },
    controller.signal,
  )
  await expect(cloning).rejects.toMatchObject({ name: 'PostgresError', kind: 'timeout' })
  expect(listProcessesWithArgument(`--pgdata=${a.paths.clone}`)).toEqual([])
  await expect(
    a.postgres.clone({ ...lab.upstream(b, a), port: 1 }, () => undefined, neverAborted()),
  ).rejects.toMatchObject({ kind: 'failed' })
  expect(await a.postgres.inspect()).toEqual(before)
})

test('what a killed agent’s base backup left running is ended before the next begins', async () => {
  await diverge(1)
  const target = `--pgdata=${a.paths.clone}`
  const leftover = spawn('sh', ['-c', 'while :; do sleep 1; done', target], { stdio: 'ignore' })
  const ended = new Promise((resolve) => leftover.once('exit', resolve))
  await waitFor(
    'it runs',
    () => listProcessesWithArgument(target).length,
    (count) => count === 1,
  )
  await a.postgres.clone(lab.upstream(b, a), () => undefined, neverAborted())
  await ended
  await followAndCompare(a, b)
})

test('a second clone before the first has streamed keeps the original, not the unproven copy', async () => {
  await diverge(1)
  await a.postgres.clone(lab.upstream(b, a), () => undefined, neverAborted())
  const original = await readFile(path.join(a.paths.replaced, 'global', 'pg_control'))
  await a.postgres.clone(lab.upstream(b, a), () => undefined, neverAborted())
  expect(await readFile(path.join(a.paths.replaced, 'global', 'pg_control'))).toEqual(original)
  await followAndCompare(a, b)
})

test('a replacement that was cut off between its steps is finished by whoever looks next', async () => {
  await diverge(1)
  await a.postgres.clone(lab.upstream(b, a), () => undefined, neverAborted())
  // As if killed after the old directory was put aside and before the clone took its place.
  await rename(a.paths.data, a.paths.clone)
  await writeFile(path.join(a.paths.clone, 'pgherd.complete'), '')
  const successor = createPostgres(a.options, { clock: systemClock, process: a.guard })
  expect(await successor.inspect()).toMatchObject({ kind: 'present', isStandby: true })
  expect(await readdir(a.paths.data)).not.toContain('pgherd.complete')
  await successor.close()
  // Killed before that, the copy is not complete: nothing is replaced.
  await mkdir(a.paths.clone)
  await writeFile(path.join(a.paths.clone, 'PG_VERSION'), '')
  expect(await a.postgres.inspect()).toMatchObject({ kind: 'present', isStandby: true })
  await followAndCompare(a, b)
})

test('nothing touches the directory of a running server', async () => {
  const never = (): void => undefined
  const source = lab.upstream(a, b)
  await expect(b.postgres.rewind(source, never, neverAborted())).rejects.toMatchObject({
    kind: 'refused',
  })
  await expect(b.postgres.clone(source, never, neverAborted())).rejects.toMatchObject({
    kind: 'refused',
  })
  await expect(b.postgres.keepDivergedWal(null, asEpoch(1))).rejects.toMatchObject({
    kind: 'refused',
  })
  await lab.awaitStreaming(b)
})
