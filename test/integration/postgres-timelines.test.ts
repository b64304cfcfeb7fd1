// Positions and timelines on real servers: after promotion to a chosen id, after switches, restarts and
// crashes. What is reported here decides elections.

import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { renderLsn } from '../../src/core/lsn.ts'
import { kinshipOf } from '../../src/core/position.ts'
import { asTimeline } from '../../src/core/names.ts'
import type { PostgresObservation } from '../../src/core/server.ts'
import { PostgresLab, closedAndNobody, openAndEmpty, type LabNode } from '../support/postgres.ts'
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
})
afterEach(() => lab.reset())

type Standby = Extract<PostgresObservation, { kind: 'standby' }>

function standbyOf(seen: PostgresObservation): Standby {
  if (seen.kind !== 'standby') throw new Error(`no standby but ${JSON.stringify(seen)}`)
  return seen
}

/** Receives nothing any more and has read all it has: evidence. */
async function seal(node: LabNode): Promise<Standby> {
  await node.postgres.configure(closedAndNobody)
  const seen = await waitFor(
    `${node.name} is at its end`,
    () => node.postgres.observe(1000),
    (look) => look.kind === 'standby' && !look.isReceiving && look.isAtEndOfWal,
  )
  return standbyOf(seen)
}

async function promote(node: LabNode, timeline: number): Promise<number> {
  await lab.arm(node)
  const startedAtMs = systemClock.monotonicMs()
  const got = await node.postgres.promote(asTimeline(timeline), 10_000)
  console.info(`promote: ${(systemClock.monotonicMs() - startedAtMs).toFixed(0)} ms`)
  await node.postgres.configure(openAndEmpty)
  return got
}

async function restartAsStandby(node: LabNode, mode: 'fast' | 'immediate'): Promise<void> {
  await node.postgres.stop(mode, 10_000)
  await node.guard.disarm()
  await node.postgres.start('standby', 20_000)
}

/** `node` follows `primary` and has flushed and replayed all of it. */
async function catchUp(node: LabNode, primary: LabNode): Promise<Standby> {
  await lab.follow(node, primary)
  const mark = await primary.postgres.markWal(2000)
  const seen = await waitFor(
    `${node.name} has caught up`,
    () => node.postgres.observe(1000),
    (look) =>
      look.kind === 'standby' && look.isStreaming && look.replayLsn >= mark && look.isAtEndOfWal,
  )
  return standbyOf(seen)
}

test('a promoted server takes the wanted id, and its history names the branch', async () => {
  const sealed = await seal(b)
  expect(sealed.position.timeline).toBe(1)
  await a.postgres.stop('immediate', 5000)
  expect(await promote(b, 5)).toBe(5)
  // Again: it is a primary already and only says where it is.
  expect(await b.postgres.promote(asTimeline(5), 1000)).toBe(5)
  expect(await b.postgres.promote(asTimeline(9), 1000)).toBe(5)
  const history = await b.postgres.history(asTimeline(5))
  expect(history).toEqual([{ timeline: 1, endLsn: sealed.position.flushLsn }])
  const seen = await b.postgres.observe(1000)
  expect(seen).toMatchObject({ kind: 'primary', position: { timeline: 5 } })
  const control = await b.postgres.inspect()
  expect(control).toMatchObject({ kind: 'present', isStandby: false })
})

test('a standby follows from 1 to 5 through the empty histories, and reports each position truly', async () => {
  const c = await lab.addStandby('pg-2', a)
  const mark = await a.postgres.markWal(1000)
  for (const node of [b, c]) {
    await waitFor(
      'flushed',
      () => node.postgres.observe(1000),
      (look) => standbyOf(look).position.flushLsn >= mark,
    )
  }
  const sealedC = await seal(c)
  await seal(b)
  await a.postgres.stop('immediate', 5000)
  await promote(b, 5)
  await b.postgres.ensureSlots([c.options.node], 1000)

  // Before it has anything of the new branch it is on the old one, at the same place.
  expect(standbyOf(await c.postgres.observe(1000)).position).toEqual(sealedC.position)
  const history = await b.postgres.history(asTimeline(5))
  expect(kinshipOf(sealedC.position, asTimeline(5), history)).toEqual({ kind: 'ancestor' })

  const following = await catchUp(c, b)
  expect(following.position.timeline).toBe(5)
  expect(following.receivingFrom).toEqual({ host: b.options.host, port: b.options.port })

  const sealedAgain = await seal(c)
  expect(sealedAgain.position.timeline).toBe(5)
  expect(sealedAgain.position.flushLsn).toBeGreaterThanOrEqual(following.replayLsn)
  for (const mode of ['fast', 'immediate'] as const) {
    await restartAsStandby(c, mode)
    const restarted = await seal(c)
    expect(restarted.position).toEqual(sealedAgain.position)
  }
  const files = await readdir(path.join(c.paths.data, 'pg_wal'))
  expect(files.filter((name) => name.endsWith('.history')).sort()).toEqual([
    '00000002.history',
    '00000003.history',
    '00000004.history',
    '00000005.history',
  ])
})

test('histories in a row: 1, 3, 4; the position’s timeline is that of its WAL, wherever the files begin', async () => {
  // As in a switchover: a fast stop ends only after the standby has the last record.
  await a.postgres.stop('fast', 10_000)
  await seal(b)
  await promote(b, 3)
  await b.postgres.ensureSlots([a.options.node], 1000)
  await a.guard.disarm()
  await lab.follow(a, b)
  await a.postgres.start('standby', 20_000)
  await catchUp(a, b)
  await b.postgres.stop('fast', 10_000)
  await seal(a)
  expect(await promote(a, 4)).toBe(4)
  const history = await a.postgres.history(asTimeline(4))
  expect(history.map((entry) => entry.timeline)).toEqual([1, 3])
  await a.postgres.ensureSlots([b.options.node], 1000)
  await b.guard.disarm()
  await lab.follow(b, a)
  await b.postgres.start('standby', 20_000)
  expect((await catchUp(b, a)).position.timeline).toBe(4)
  // A segment switch at the very end: the byte before the position is in the finished segment.
  await lab.sql(a, 'select pg_switch_wal()')
  const seen = await catchUp(b, a)
  expect(seen.position.timeline).toBe(4)
})

test('a crashed primary, looked at as a standby, reports all that it had', async () => {
  await lab.sql(a, 'create table t (n int)')
  for (let round = 0; round < 20; round += 1) {
    await lab.sql(a, `insert into t select generate_series(1, 100)`)
  }
  const mark = await a.postgres.markWal(1000)
  await a.postgres.stop('immediate', 5000)
  await a.guard.disarm()
  await a.postgres.configure(closedAndNobody)
  await a.postgres.start('standby', 20_000)
  const seen = await seal(a)
  expect(seen.position.timeline).toBe(1)
  expect(seen.position.flushLsn).toBeGreaterThanOrEqual(mark)
  // And it is clean now: what pg_rewind wants.
  await a.postgres.stop('fast', 10_000)
  expect(await a.postgres.inspect()).toMatchObject({ isStandby: true, isClean: true })
})

test('a crashed primary of a new timeline, before any checkpoint on it, is on the new one', async () => {
  await seal(b)
  await a.postgres.stop('immediate', 5000)
  await promote(b, 6)
  await lab.sql(b, 'create table on_six (n int)')
  const mark = await b.postgres.markWal(1000)
  await b.postgres.stop('immediate', 5000)
  await b.guard.disarm()
  await b.postgres.configure(closedAndNobody)
  await b.postgres.start('standby', 20_000)
  const seen = await seal(b)
  expect(seen.position.timeline).toBe(6)
  expect(seen.position.flushLsn).toBeGreaterThanOrEqual(mark)
})

test('placeholders of a promotion that did not happen do not keep a standby from starting', async () => {
  const sealed = await seal(b)
  for (const id of ['00000002', '00000003']) {
    await writeFile(path.join(b.paths.data, 'pg_wal', `${id}.history`), '')
  }
  // The running server tolerates them.
  await waitFor(
    'it goes on',
    () => b.postgres.observe(1000),
    (look) => standbyOf(look).isAtEndOfWal,
  )
  await restartAsStandby(b, 'fast')
  expect((await seal(b)).position).toEqual(sealed.position)
  await a.postgres.stop('immediate', 5000)
  expect(await promote(b, 4)).toBe(4)
})

test('a promotion cut off before the first record of its timeline is made again, with the same id', async () => {
  await catchUp(b, a)
  const { position } = await seal(b)
  await a.postgres.stop('immediate', 5000)
  await b.postgres.stop('fast', 10_000)
  // What PostgreSQL has on disk then: the history file, a copy of the segment up to the switch, and no
  // signal file.
  const wal = path.join(b.paths.data, 'pg_wal')
  const segment = await readFile(path.join(wal, '000000010000000000000003'))
  segment.fill(0, position.flushLsn % segment.length)
  await writeFile(path.join(wal, '000000050000000000000003'), segment)
  await writeFile(
    path.join(wal, '00000005.history'),
    `1\t${renderLsn(position.flushLsn)}\tno recovery target specified\n`,
  )
  await rm(path.join(b.paths.data, 'standby.signal'))
  expect(await b.postgres.inspect()).toMatchObject({ isStandby: false, timeline: 1 })
  await b.postgres.start('standby', 20_000)
  expect((await seal(b)).position).toEqual(position)
  expect(await promote(b, 5)).toBe(5)
})

test('a promotion cut off after the first record goes on on its timeline', async () => {
  await seal(b)
  await a.postgres.stop('immediate', 5000)
  await promote(b, 5)
  const mark = await b.postgres.markWal(1000)
  await b.postgres.stop('immediate', 5000)
  expect(await b.postgres.inspect()).toMatchObject({ isStandby: false, timeline: 5 })
  await b.postgres.configure(closedAndNobody)
  await b.postgres.start('standby', 20_000)
  expect((await seal(b)).position.timeline).toBe(5)
  expect(await promote(b, 5)).toBe(5)
  expect(await b.postgres.observe(1000)).toMatchObject({
    kind: 'primary',
    position: { timeline: 5 },
  })
  expect(await b.postgres.markWal(1000)).toBeGreaterThan(mark)
  expect((await b.postgres.history(asTimeline(5))).map((entry) => entry.timeline)).toEqual([1])
})

test('a primary that crashed right after its promotion comes back on its timeline', async () => {
  await seal(b)
  await a.postgres.stop('immediate', 5000)
  await promote(b, 5)
  await b.postgres.stop('immediate', 5000)
  await b.postgres.start('primary', 20_000)
  expect(await b.postgres.observe(1000)).toMatchObject({
    kind: 'primary',
    position: { timeline: 5 },
  })
})

test('a wanted id that is taken already is not taken: the caller sees another', async () => {
  await seal(b)
  await a.postgres.stop('immediate', 5000)
  await writeFile(path.join(b.paths.data, 'pg_wal', '00000002.history'), '')
  expect(await promote(b, 2)).toBe(3)
})

test('while WAL still comes, the end is not reached, and nothing is said too early', async () => {
  // A backlog that takes the standby a while to replay: it is cut off in the middle of it.
  await lab.sql(a, 'create table backlog (n int, filler text)')
  const load = lab.sql(
    a,
    `insert into backlog select n, repeat('x', 200) from generate_series(1, 150000) n`,
  )
  const looks: Standby[] = []
  await waitFor(
    'some WAL has come',
    () => b.postgres.observe(1000),
    (look) => {
      const seen = standbyOf(look)
      looks.push(seen)
      return seen.position.flushLsn > (looks[0]?.position.flushLsn ?? 0) + 4_000_000
    },
  )
  await b.postgres.configure(closedAndNobody)
  let claimed: Standby | null = null
  for (let round = 0; round < 100 && claimed === null; round += 1) {
    const seen = standbyOf(await b.postgres.observe(1000))
    if (!seen.isReceiving && seen.isAtEndOfWal) claimed = seen
  }
  claimed ??= await seal(b)
  await load
  // Whatever was claimed as the end stays the end: no look afterwards goes beyond it.
  for (let round = 0; round < 20; round += 1) {
    const seen = standbyOf(await b.postgres.observe(1000))
    expect(seen.position).toEqual(claimed.position)
  }
  await restartAsStandby(b, 'immediate')
  expect((await seal(b)).position).toEqual(claimed.position)
})
