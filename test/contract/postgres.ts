// The contract of ports/postgres.ts as a suite: the simulated server and the real one pass it unchanged,
// so that what the simulator proves is proved about a PostgreSQL that behaves like this.

import { describe, expect, it } from 'vitest'
import { asEpoch, asTimeline, type Incarnation, type NodeName } from '../../src/core/names.ts'
import { slotNameOf } from '../../src/core/names.ts'
import type { PostgresObservation, ServerConfig, Upstream } from '../../src/core/server.ts'
import {
  emptyList,
  makeList,
  renderSyncSetting,
  type SyncSetting,
} from '../../src/core/sync-list.ts'
import type { Postgres } from '../../src/ports/postgres.ts'

/** One node with its guard armed for long, and no server running. */
export type ContractNode = {
  readonly name: NodeName
  readonly incarnation: Incarnation
  readonly host: string
  readonly port: number
  readonly postgres: Postgres
}

/** Nodes, and the world around them. */
export type PostgresHarness = {
  /** A node without a data directory. */
  readonly emptyNode: (name: 'pg-0' | 'pg-1') => Promise<ContractNode>
  /** A node with a new database system that was never started. */
  readonly filledNode: (name: 'pg-0' | 'pg-1') => Promise<ContractNode>
  /** One commit of an application, from connecting to its answer, looked at for `withinMs`. */
  readonly commit: (
    node: ContractNode,
    withinMs: number,
  ) => Promise<'acknowledged' | 'waits' | 'refused'>
  /** Looks again and again until what is seen is wanted; fails when it never is. */
  readonly until: <Value>(
    what: string,
    look: () => Promise<Value>,
    isWanted: (value: Value) => boolean,
  ) => Promise<Value>
  /** Lets time pass, real or virtual, until `work` is settled. */
  readonly drive: <T>(work: Promise<T>) => Promise<T>
  /** Ends everything that was started, also after a failure. */
  readonly close: () => Promise<void>
}

const amplyMs = 20_000
const waitsMs = 400

const open: Omit<ServerConfig, 'sync'> = { upstream: null, gate: 'open' }
const nobody: SyncSetting = { kind: 'nobody' }
const empty: SyncSetting = { kind: 'list', list: emptyList }

/** Declares the suite for one implementation. `makeHarness` is called once for each test. */
export function describePostgres(name: string, makeHarness: () => Promise<PostgresHarness>): void {
  const story = (title: string, body: (harness: PostgresHarness) => Promise<void>): void => {
    it(title, { timeout: 90_000 }, async () => {
      const harness = await makeHarness()
      try {
        await harness.drive(body(harness))
      } finally {
        await harness.close()
      }
    })
  }
  describe(`postgres: ${name}`, () => {
    describe('a directory', () => directories(story))
    describe('a primary', () => primaries(story))
    describe('a standby', () => standbys(story))
    describe('branches', () => branches(story))
  })
}

type Story = (title: string, body: (harness: PostgresHarness) => Promise<void>) => void

function directories(story: Story): void {
  story('nothing → staged → thrown away → staged → in its place', async ({ emptyNode }) => {
    const { postgres } = await emptyNode('pg-0')
    expect(await postgres.inspect()).toEqual({ kind: 'absent' })
    const first = await postgres.initialise(amplyMs)
    expect(await postgres.inspect()).toEqual({ kind: 'staged', systemId: first })
    await postgres.discardStaged()
    expect(await postgres.inspect()).toEqual({ kind: 'absent' })
    const systemId = await postgres.initialise(amplyMs)
    await postgres.adoptStaged()
    await postgres.adoptStaged()
    expect(await postgres.inspect()).toMatchObject({
      kind: 'present',
      systemId,
      isStandby: false,
      isClean: true,
      timeline: 1,
    })
    expect(await postgres.observe(amplyMs)).toEqual({ kind: 'stopped' })
  })

  story('stopped fast → clean; stopped at once → not; both start again', async (harness) => {
    const { postgres } = await startedPrimary(harness, empty)
    await postgres.stop('fast', amplyMs)
    await postgres.stop('fast', amplyMs)
    expect(await postgres.inspect()).toMatchObject({ isClean: true, isStandby: false })
    await postgres.start('primary', amplyMs)
    await postgres.stop('immediate', amplyMs)
    expect(await postgres.inspect()).toMatchObject({ isClean: false })
    await postgres.start('primary', amplyMs)
    await postgres.start('primary', amplyMs)
    expect(await postgres.observe(amplyMs)).toMatchObject({ kind: 'primary' })
  })
}

function primaries(story: Story): void {
  story(
    'a closed gate → nobody gets in; opened and closed by reload → as the postmaster has read',
    async (harness) => {
      const node = await startedPrimary(harness, empty, 'closed')
      expect(await node.postgres.reloadedGate(amplyMs)).toBe('closed')
      expect(await harness.commit(node, waitsMs)).toBe('refused')
      for (const gate of ['open', 'closed'] as const) {
        await node.postgres.configure({ upstream: null, sync: empty, gate })
        await harness.until(
          `the postmaster has read that the gate is ${gate}`,
          () => node.postgres.reloadedGate(amplyMs),
          (read) => read === gate,
        )
        const expected = gate === 'open' ? 'acknowledged' : 'refused'
        expect(await harness.commit(node, waitsMs)).toBe(expected)
      }
    },
  )

  story('a list that nobody satisfies → commits wait, are counted, and are let go', async (h) => {
    const node = await startedPrimary(h, empty)
    await node.postgres.configure({ ...open, sync: nobody })
    await h.until(
      'the postmaster has read the list',
      () => node.postgres.reloadedSyncSetting(amplyMs),
      (text) => text === renderSyncSetting(nobody),
    )
    await h.until(
      'a commit is seen to wait',
      () => node.postgres.probeSyncWait(amplyMs),
      (answer) => answer === 'waits',
    )
    expect(await h.commit(node, waitsMs)).toBe('waits')
    await seen(h, node, 'primary', ({ syncWaiterCount }) => syncWaiterCount >= 1)
    await node.postgres.configure({ ...open, sync: empty })
    await seen(h, node, 'primary', ({ syncWaiterCount }) => syncWaiterCount === 0)
    expect(await node.postgres.probeSyncWait(amplyMs)).toBe('returned')
    expect(await h.commit(node, amplyMs)).toBe('acknowledged')
  })

  story('a record of our own → waits for nobody, and the flushed end is behind it', async (h) => {
    const { postgres } = await startedPrimary(h, nobody)
    const first = await postgres.markWal(amplyMs)
    const second = await postgres.markWal(amplyMs)
    expect(second).toBeGreaterThan(first)
    const look = await postgres.observe(amplyMs)
    expect(look.kind === 'primary' && look.position.flushLsn >= second).toBe(true)
    expect(await postgres.history(asTimeline(1))).toEqual([])
  })
}

function standbys(story: Story): void {
  story('cloned and started → streams under its name; commits wait for it alone', async (h) => {
    const [primary, standby] = await pair(h)
    expect(await standby.postgres.inspect()).toMatchObject({ kind: 'present', isStandby: true })
    const list = makeList(1, [standby.incarnation])
    await primary.postgres.configure({ ...open, sync: { kind: 'list', list } })
    const { walsenders } = await seen(h, primary, 'primary', (look) =>
      look.walsenders.some(({ syncPriority }) => syncPriority > 0),
    )
    expect(walsenders.map(({ applicationName }) => applicationName)).toEqual([standby.incarnation])
    expect(await h.commit(primary, amplyMs)).toBe('acknowledged')
    const mark = await primary.postgres.markWal(amplyMs)
    await seen(h, primary, 'primary', (look) =>
      look.walsenders.some(({ flushLsn }) => flushLsn !== null && flushLsn >= mark),
    )
    await seen(h, standby, 'standby', ({ position }) => position.flushLsn >= mark)
    const identity = await standby.postgres.identify(upstreamOf(primary, standby), amplyMs)
    expect(identity.timeline).toBe(1)
    expect(identity.lsn).toBeGreaterThanOrEqual(mark)
  })

  story('its upstream taken away → the receiver goes, and commits wait', async (h) => {
    const [primary, standby] = await pair(h)
    const list = makeList(1, [standby.incarnation])
    await primary.postgres.configure({ ...open, sync: { kind: 'list', list } })
    await seen(h, primary, 'primary', (look) =>
      look.walsenders.some(({ syncPriority }) => syncPriority > 0),
    )
    await standby.postgres.configure({ ...open, sync: nobody })
    const sealed = await seen(
      h,
      standby,
      'standby',
      (look) => !look.isReceiving && look.isAtEndOfWal,
    )
    expect(sealed.receivingFrom).toBeNull()
    await seen(h, primary, 'primary', ({ walsenders }) => walsenders.length === 0)
    expect(await h.commit(primary, waitsMs)).toBe('waits')
    const again = await seen(h, standby, 'standby', (look) => look.isAtEndOfWal)
    expect(again.position).toEqual(sealed.position)
    await follow(standby, primary)
    await seen(h, standby, 'standby', ({ isStreaming }) => isStreaming)
    await seen(h, primary, 'primary', ({ syncWaiterCount }) => syncWaiterCount === 0)
  })

  story('a walsender that is ended → the standby comes back by itself', async (h) => {
    const [primary, standby] = await pair(h)
    const before = await seen(h, primary, 'primary', ({ walsenders }) => walsenders.length === 1)
    const pid = before.walsenders[0]?.pid ?? 0
    await primary.postgres.terminateWalsender(pid, amplyMs)
    const after = await seen(h, primary, 'primary', ({ walsenders }) =>
      walsenders.some((walsender) => walsender.pid !== pid),
    )
    expect(after.walsenders).toHaveLength(1)
    await seen(h, standby, 'standby', ({ isStreaming }) => isStreaming)
  })
}

function branches(story: Story): void {
  story('promoted to a wanted id → takes exactly this one, and remembers the fork', async (h) => {
    const [primary, standby] = await pair(h)
    const mark = await primary.postgres.markWal(amplyMs)
    await seen(h, standby, 'standby', ({ position }) => position.flushLsn >= mark)
    await standby.postgres.configure({ ...open, sync: nobody })
    const { position } = await seen(h, standby, 'standby', (look) => !look.isReceiving)
    expect(await standby.postgres.promote(asTimeline(7), amplyMs)).toBe(7)
    expect(await standby.postgres.promote(asTimeline(7), amplyMs)).toBe(7)
    const now = await seen(h, standby, 'primary', () => true)
    expect(now.position.timeline).toBe(7)
    expect(now.position.flushLsn).toBeGreaterThanOrEqual(position.flushLsn)
    const history = await standby.postgres.history(asTimeline(7))
    expect(history.map(({ timeline }) => timeline)).toEqual([1])
    expect(history[0]?.endLsn).toBeGreaterThanOrEqual(mark)
  })

  story('a former primary with more → its WAL is kept, cut off, and it follows', async (h) => {
    const [primary, standby] = await pair(h)
    await standby.postgres.configure({ ...open, sync: empty })
    await seen(h, standby, 'standby', (look) => !look.isReceiving)
    expect(await h.commit(primary, amplyMs)).toBe('acknowledged')
    await standby.postgres.promote(asTimeline(3), amplyMs)
    const fork = (await standby.postgres.history(asTimeline(3)))[0]?.endLsn ?? null
    await primary.postgres.stop('fast', amplyMs)
    const kept = await primary.postgres.keepDivergedWal(fork, asEpoch(2))
    expect(kept.path).not.toBe('')
    await standby.postgres.ensureSlots([primary.name], amplyMs)
    const neverAborted = new AbortController().signal
    await primary.postgres.rewind(upstreamOf(standby, primary), () => undefined, neverAborted)
    expect(await primary.postgres.inspect()).toMatchObject({ kind: 'present', isStandby: true })
    await follow(primary, standby)
    await primary.postgres.start('standby', amplyMs)
    await seen(h, primary, 'standby', ({ isStreaming }) => isStreaming)
    const mark = await standby.postgres.markWal(amplyMs)
    const { position } = await seen(
      h,
      primary,
      'standby',
      (look) => look.position.flushLsn >= mark && look.position.timeline === 3,
    )
    expect(position.flushLsn).toBeGreaterThanOrEqual(mark)
  })
}

async function startedPrimary(
  harness: PostgresHarness,
  sync: SyncSetting,
  gate: ServerConfig['gate'] = 'open',
): Promise<ContractNode> {
  const node = await harness.filledNode('pg-0')
  await node.postgres.configure({ upstream: null, sync, gate })
  await node.postgres.start('primary', amplyMs)
  return node
}

/** A primary that waits for nobody, and a standby that streams from it. */
async function pair(
  harness: PostgresHarness,
): Promise<readonly [primary: ContractNode, standby: ContractNode]> {
  const primary = await startedPrimary(harness, empty)
  const standby = await harness.emptyNode('pg-1')
  await primary.postgres.ensureSlots([standby.name], amplyMs)
  const neverAborted = new AbortController().signal
  await standby.postgres.clone(upstreamOf(primary, standby), () => undefined, neverAborted)
  await follow(standby, primary)
  await standby.postgres.start('standby', amplyMs)
  await seen(harness, standby, 'standby', ({ isStreaming }) => isStreaming)
  return [primary, standby]
}

async function follow(standby: ContractNode, primary: ContractNode): Promise<void> {
  const upstream = upstreamOf(primary, standby)
  await standby.postgres.configure({ upstream, sync: nobody, gate: 'open' })
}

function upstreamOf(source: ContractNode, standby: ContractNode): Upstream {
  return {
    node: source.name,
    host: source.host,
    port: source.port,
    slotName: slotNameOf(standby.name),
    applicationName: standby.incarnation,
  }
}

type Seen<Kind> = Extract<PostgresObservation, { kind: Kind }>

/** Waits until the server is of `kind` and looks as wanted. */
async function seen<Kind extends 'primary' | 'standby'>(
  harness: PostgresHarness,
  node: ContractNode,
  kind: Kind,
  isWanted: (look: Seen<Kind>) => boolean,
): Promise<Seen<Kind>> {
  const isSeen = (look: PostgresObservation): look is Seen<Kind> => look.kind === kind
  const look = await harness.until(
    `${node.name} as ${kind}`,
    () => node.postgres.observe(amplyMs),
    (value) => isSeen(value) && isWanted(value),
  )
  if (!isSeen(look)) throw new Error('just judged to be of this kind')
  return look
}
