import { describe, expect, test } from 'vitest'
import {
  healthyView,
  observationsWith,
  testLayout,
  testSync,
  type NodeChange,
} from '../../test/support/cluster-double.ts'
import { type ClusterStatus, mergeStatus } from './cluster-status.ts'
import type { Lsn } from './lsn.ts'
import { type WallClockMs, asEpoch, asNodeName, asTimeline } from './names.ts'
import { emptyList } from './sync-list.ts'

function merge(changes: Readonly<Record<string, NodeChange>> = {}): ClusterStatus {
  return mergeStatus(testLayout, observationsWith(changes))
}

function nodeOf(status: ClusterStatus, name: string) {
  return status.nodes.find((node) => node.name === name)
}

const dead = { silence: 'refused', process: 'running' } as const
const hanging = { silence: 'timeout', process: 'running' } as const
/** On a host of its own: its processes cannot be seen. */
const elsewhere = { silence: 'refused' } as const
const noStore = { isStoreReachable: false }

describe('two of one identity', () => {
  test('a node under the incarnation of another is named, and the cluster is not healthy', () => {
    const { report, ...view } = healthyView('pg-2')
    const { incarnation } = healthyView('pg-1').report
    const status = merge({ 'pg-2': { ...view, report: { ...report, incarnation } } })
    expect(status.verdict).toBe('degraded')
    expect(status.reasons[0]).toMatchObject({ code: 'contradiction', node: 'pg-1' })
    expect(status.summary).toContain('pg-2 runs under the incarnation')
  })

  test('two connections under one incarnation are named', () => {
    const { walsenders, ...view } = healthyView('pg-0')
    const status = merge({
      'pg-0': { ...view, walsenders: [...walsenders, ...walsenders.slice(0, 1)] },
    })
    expect(status.summary).toContain('Degraded: 2 connections stream as pg-1')
  })
})

describe('a healthy cluster', () => {
  test('verdict, sentence and no reasons', () => {
    const status = merge()
    expect(status.verdict).toBe('healthy')
    expect(status.reasons).toEqual([])
    expect(status.summary).toBe(
      'Healthy: pg-0 is primary, 2 standbys (commits wait for 1), 1 witness.',
    )
  })

  test('one row per node with the numbers that people know', () => {
    expect(
      merge().nodes.map(({ id, name, role, state, upstream, sync }) =>
        [id, name, role, state, upstream, sync].join(' '),
      ),
    ).toEqual([
      '1000 pg-0 primary running  ',
      '1001 pg-1 standby streaming pg-0 quorum',
      '1002 pg-2 standby streaming pg-0 quorum',
      '2000 pgw-0 witness running  ',
    ])
  })

  test('timeline, LSN as text, lag and address of a standby', () => {
    expect(nodeOf(merge(), 'pg-1')).toMatchObject({
      timeline: 2,
      lsn: '0/3000148',
      lagBytes: 0,
      address: '127.0.0.1:5511',
    })
  })

  test('the balancer is no node of the table, but part of the document', () => {
    const status = merge()
    expect(nodeOf(status, 'lb-0')).toBeUndefined()
    expect(status.balancers).toEqual([
      { name: 'lb-0', state: 'running', detail: null, hasVip: null },
    ])
  })
})

describe('who is primary', () => {
  test('a node that claims it under an old epoch is not believed and named', () => {
    const zombie = healthyView(
      'pg-2',
      { role: { ...healthyView('pg-2').role, isPrimary: true } },
      { isPrimary: true, epoch: asEpoch(2), state: 'running', upstream: null },
    )
    const status = merge({ 'pg-2': zombie })
    expect(nodeOf(status, 'pg-2')).toMatchObject({ role: 'standby', isContradiction: true })
    expect(nodeOf(status, 'pg-0')).toMatchObject({ role: 'primary', isContradiction: false })
    expect(status.verdict).toBe('degraded')
    expect(status.reasons[0]).toMatchObject({ code: 'contradiction', node: 'pg-2' })
  })

  test('a newer lease that anybody knows outweighs what the old holder says of itself', () => {
    const lease = {
      holder: asNodeName('pg-1'),
      epoch: asEpoch(4),
      state: 'serving',
      remainingMs: 2000,
    } as const
    const status = merge({
      'pg-1': healthyView(
        'pg-1',
        { lease, role: { ...healthyView('pg-1').role, isPrimary: true } },
        { isPrimary: true, epoch: asEpoch(4), state: 'running', upstream: null },
      ),
    })
    expect(status.lease?.holder).toBe('pg-1')
    expect(nodeOf(status, 'pg-1')?.role).toBe('primary')
    expect(nodeOf(status, 'pg-0')).toMatchObject({ role: 'standby', isContradiction: true })
  })

  test('a holder that has not opened yet: no primary, and the reason says where it is', () => {
    const opening = healthyView(
      'pg-0',
      { role: { ...healthyView('pg-0').role, isPrimary: false } },
      { state: 'promoting' },
    )
    const status = merge({ 'pg-0': opening })
    expect(status.verdict).toBe('no-primary')
    expect(status.reasons[0]?.code).toBe('opening')
    expect(status.summary).toContain('pg-0 holds the lease of epoch 3 and is promoting')
  })

  test('a silent holder counts while its lease runs, and no longer', () => {
    expect(merge({ 'pg-0': hanging }).verdict).toBe('degraded')
    expect(nodeOf(merge({ 'pg-0': hanging }), 'pg-0')).toMatchObject({
      role: 'primary',
      state: 'unreachable',
    })
    const ranOut = (name: string) =>
      healthyView(name, { lease: { ...healthyView(name).lease!, remainingMs: 0 } })
    const status = merge({
      'pg-0': hanging,
      'pg-1': ranOut('pg-1'),
      'pg-2': ranOut('pg-2'),
      'pgw-0': ranOut('pgw-0'),
      'lb-0': ranOut('lb-0'),
    })
    expect(status.verdict).toBe('no-primary')
    expect(nodeOf(status, 'pg-0')?.role).toBe('standby')
  })

  test('a holder of which no process is left does not count, although its lease runs', () => {
    const status = merge({ 'pg-0': { silence: 'refused', process: 'stopped' } })
    expect(status.verdict).toBe('no-primary')
    expect(status.summary).toContain(
      'No primary: pg-0 was primary and none of its processes is left; its lease runs out in ',
    )
    expect(status.reasons[0]).toMatchObject({ code: 'primary-gone', node: 'pg-0' })
  })

  test('a released lease makes nobody primary', () => {
    const released = (name: string) =>
      healthyView(name, { lease: { ...healthyView(name).lease!, state: 'released' } })
    const status = merge(
      Object.fromEntries(testLayout.nodes.map(({ name }) => [name, released(name)])),
    )
    expect(status.verdict).toBe('no-primary')
    expect(status.reasons[0]?.code).toBe('no-lease')
  })

  test('the store is down and the primary goes on with the consent of all: it is primary', () => {
    const cutOff = (name: string) => healthyView(name, noStore)
    const status = merge(
      Object.fromEntries(testLayout.nodes.map(({ name }) => [name, cutOff(name)])),
    )
    expect(status.verdict).toBe('degraded')
    expect(nodeOf(status, 'pg-0')?.role).toBe('primary')
    expect(status.reasons.map((reason) => reason.code)).toContain('store-unreachable')
  })

  test('no store and no primary: the store is named first, for it is the cause', () => {
    const lost = (name: string) => healthyView(name, { ...noStore, lease: null })
    const status = merge({
      'pg-0': hanging,
      ...Object.fromEntries(['pg-1', 'pg-2', 'lb-0'].map((name) => [name, lost(name)])),
      'pgw-0': dead,
    })
    expect(status.verdict).toBe('no-primary')
    expect(status.reasons.slice(0, 2).map((reason) => reason.code)).toEqual([
      'store-unreachable',
      'no-lease',
    ])
  })

  test('no store, and its members say for what they wait: each reason once, with its nodes', () => {
    const waiting = (name: string, detail: string) =>
      healthyView(name, { ...noStore, lease: null, storeMember: { kind: 'starting', detail } })
    const lost = 'etcd ran on this node before, but its directory is empty'
    const status = merge({
      'pg-0': waiting('pg-0', lost),
      'pg-1': waiting('pg-1', lost),
      'pg-2': dead,
      'pgw-0': dead,
      'lb-0': dead,
    })
    expect(status.reasons.filter((reason) => reason.code === 'store-member')).toEqual([
      {
        code: 'store-member',
        node: 'pg-0',
        message: `etcd on pg-0, pg-1: ${lost}`,
        next: 'pgherd logs pg-0 pg-1',
      },
    ])
  })

  test('of two views of one epoch, the one with a store and the later state counts', () => {
    const behind = healthyView('pg-2', {
      ...noStore,
      lease: { ...healthyView('pg-2').lease!, state: 'preparing', remainingMs: 9000 },
    })
    const status = merge({ 'pg-2': behind })
    expect(status.lease).toMatchObject({ state: 'serving', remainingMs: 2350 })
  })
})

describe('nodes that do not answer', () => {
  test('nobody answers: unreachable, with the command that starts it', () => {
    const status = merge(Object.fromEntries(testLayout.nodes.map(({ name }) => [name, dead])))
    expect(status.verdict).toBe('unreachable')
    expect(status.reasons).toMatchObject([{ code: 'no-answer', next: 'pgherd up' }])
    expect(status.lease).toBeNull()
    expect(nodeOf(status, 'pg-0')?.role).toBe('standby')
  })

  test('nobody answers from hosts of their own: `up` is not what starts them', () => {
    const status = merge(Object.fromEntries(testLayout.nodes.map(({ name }) => [name, elsewhere])))
    expect(status.reasons).toMatchObject([{ next: 'pgherd agent --spec FILE --node NAME' }])
  })

  test('no answer, and hosts of the lab have no power: `up` would not help', () => {
    const stopped = { ...dead, process: 'stopped' } as const
    const all = Object.fromEntries(testLayout.nodes.map(({ name }) => [name, stopped]))
    const status = merge({ ...all, 'pg-1': { ...stopped, hostWithoutPower: 'pg-1' } })
    expect(status.summary).toContain('these hosts have no power: pg-1')
    expect(status.reasons[0]?.next).toBe('pgherd lab power-on pg-1')
  })
  test('everything was stopped: said so', () => {
    const stopped = { ...dead, process: 'stopped' } as const
    const status = merge(Object.fromEntries(testLayout.nodes.map(({ name }) => [name, stopped])))
    expect(status.summary).toBe('Unreachable: cluster main is down, every node is stopped.')
  })

  test.each([
    ['stopped by a command', { ...dead, process: 'stopped' }, 'stopped', 'pgherd node start pg-1'],
    [
      'on a host of a lab without power',
      { ...dead, process: 'stopped', hostWithoutPower: 'host-1' },
      'stopped',
      'pgherd lab power-on host-1',
    ],
    ['frozen', { ...hanging, process: 'frozen' }, 'frozen', 'pgherd node thaw pg-1'],
    ['gave up', { ...dead, process: 'failed' }, 'failed', 'pgherd logs pg-1'],
    ['restarting', { ...dead, process: 'restarting' }, 'unreachable', 'pgherd logs pg-1'],
    ['unknown why', dead, 'unreachable', 'pgherd logs pg-1'],
    ['on another host', elsewhere, 'unreachable', 'pgherd agent --spec FILE --node pg-1'],
  ] as const)('a standby %s → its state and the next command', (_title, change, state, next) => {
    const status = merge({ 'pg-1': change })
    expect(status.verdict).toBe('degraded')
    expect(nodeOf(status, 'pg-1')).toMatchObject({ state, lsn: null, lagBytes: null })
    expect(status.reasons.find((reason) => reason.node === 'pg-1')?.next).toBe(next)
  })

  test('its place in the synchronous list is still shown, from its last report', () => {
    expect(nodeOf(merge({ 'pg-1': dead }), 'pg-1')).toMatchObject({
      sync: 'quorum',
      lastReportAtMs: 1_700_000_000_000 as WallClockMs,
    })
  })

  test('a dead voter: no word about votes while a spare one is left, a warning without', () => {
    const { voters } = merge().store
    expect(voters.map((voter) => voter.name)).toHaveLength(3)
    const [first, second] = voters.map((voter) => voter.name)
    expect(merge({ [first!]: dead }).reasons.map((reason) => reason.code)).toContain('store-votes')
    const lost = merge({ [first!]: dead, [second!]: dead })
    expect(lost.reasons.find((reason) => reason.code === 'store-votes')?.message).toContain(
      '1 of 3',
    )
  })

  test('a silent balancer is a reason of its own', () => {
    const status = merge({ 'lb-0': dead })
    expect(status.verdict).toBe('degraded')
    expect(status.reasons).toMatchObject([{ node: 'lb-0' }])
    expect(status.summary).toContain('applications may not get through')
  })

  test('a voter that was stopped → the store needs it started, not its log', () => {
    const [voter] = testLayout.nodes.filter((node) => node.role === 'witness')
    const status = merge({ [voter!.name]: { ...dead, process: 'stopped' } })
    expect(status.reasons.find((reason) => reason.code === 'store-votes')?.next).toBe(
      `pgherd node start ${voter!.name}`,
    )
  })

  test('a balancer that knows no way to the primary is one too', () => {
    const lost = healthyView(
      'lb-0',
      {},
      { balancing: { writesTo: null, hasVip: true, holding: 'lb-0@1', beside: [] } },
    )
    expect(merge({ 'lb-0': lost }).reasons).toMatchObject([{ code: 'balancer', node: 'lb-0' }])
  })

  test('a balancer that may not have the address is one too, although it runs', () => {
    const view = healthyView('lb-0', {}, { detail: 'the primary is reached from another balancer' })
    const status = merge({ 'lb-0': view })
    expect(status.reasons).toMatchObject([{ code: 'balancer', node: 'lb-0' }])
    expect(status.reasons[0]?.message).toContain('reached from another balancer')
  })
})

describe('lag and durability', () => {
  test('lag is taken from the primary, of one instant', () => {
    const primary = healthyView('pg-0')
    const behind = primary.walsenders.map((one) => ({ ...one, flushLsn: (0x3000148 - 512) as Lsn }))
    const status = merge({ 'pg-0': { ...primary, walsenders: behind } })
    expect(nodeOf(status, 'pg-1')?.lagBytes).toBe(512)
  })

  test('without a walsender the reports are compared; another timeline gives no number', () => {
    const primary = { ...healthyView('pg-0'), walsenders: [] }
    const position = { timeline: asTimeline(2), flushLsn: (0x3000148 - 100) as Lsn }
    const same = merge({ 'pg-0': primary, 'pg-1': healthyView('pg-1', {}, { position }) })
    expect(nodeOf(same, 'pg-1')?.lagBytes).toBe(100)
    const old = { ...position, timeline: asTimeline(1) }
    const other = merge({ 'pg-0': primary, 'pg-1': healthyView('pg-1', {}, { position: old }) })
    expect(nodeOf(other, 'pg-1')?.lagBytes).toBeNull()
  })

  test('an empty list: degraded, and it says what that means', () => {
    const sync = { ...testSync, lists: [emptyList], target: emptyList }
    const status = merge(
      Object.fromEntries(testLayout.nodes.map(({ name }) => [name, healthyView(name, { sync })])),
    )
    expect(status.sync).toEqual({ count: 0, members: [], isDegraded: true })
    expect(status.reasons).toMatchObject([{ code: 'durability' }])
    expect(nodeOf(status, 'pg-1')?.sync).toBe('async')
  })

  test('a member only of an old list is leaving; a replaced volume counts for nothing', () => {
    const target = { count: 1, members: testSync.target.members.slice(1) }
    const sync = { ...testSync, lists: [testSync.target, target], target }
    const status = merge({ 'pg-0': healthyView('pg-0', { sync }) })
    expect(nodeOf(status, 'pg-1')?.sync).toBe('leaving')
    const replaced = healthyView('pg-2', {}, { incarnation: 'pg-2-ffffffff' as never })
    expect(nodeOf(merge({ 'pg-2': replaced }), 'pg-2')?.sync).toBe('async')
  })

  test('a standby on its way: state and progress in the reason', () => {
    const cloning = healthyView(
      'pg-1',
      { operation: { name: 'clone', sinceMs: 0, doneBytes: 30, totalBytes: 120 } },
      { state: 'cloning' },
    )
    const status = merge({ 'pg-1': cloning })
    expect(status.summary).toBe('Degraded: pg-1 is cloning (25 %).')
    expect(status.reasons).toMatchObject([{ next: 'pgherd status --watch' }])
  })

  test('a standby that should not take long: its log is the next step', () => {
    const recovering = healthyView('pg-1', {}, { state: 'recovering' })
    const { summary, reasons } = merge({ 'pg-1': recovering })
    expect(summary).toBe('Degraded: pg-1 is recovering.')
    expect(reasons).toMatchObject([{ next: 'pgherd logs pg-1' }])
  })

  test('the first line names what else there is, as far as it is little', () => {
    const recovering = healthyView('pg-1', {}, { state: 'recovering' })
    const stopped = { ...dead, process: 'stopped' } as const
    const two = merge({ 'pg-1': recovering, 'lb-0': stopped })
    expect(two.summary).toBe('Degraded: pg-1 is recovering (and 1 more: lb-0).')
    const many = merge({
      'pg-1': recovering,
      'pg-2': stopped,
      'lb-0': stopped,
      'pgw-0': stopped,
    })
    expect(many.summary).toMatch(/ \(and \d more: pg-2, pgw-0, lb-0 and others\)\.$/)
  })

  test('paused automation is a reason and in the document', () => {
    const paused = { reason: 'switch firmware', sinceMs: 0 as WallClockMs }
    const control = { switchover: null, paused }
    const status = merge(
      Object.fromEntries(
        testLayout.nodes.map(({ name }) => [name, healthyView(name, { control })]),
      ),
    )
    expect(status.paused).toEqual(paused)
    expect(status.reasons).toMatchObject([{ code: 'paused', next: 'pgherd resume' }])
  })
})

describe('records in etcd that cannot be used', () => {
  test.each([
    ['sync', 'no standby can be promoted until it is back', 'pgherd store recover'],
    ['lease', 'its holder writes it again', 'pgherd events'],
    ['cluster', 'the primary writes it again', 'pgherd events'],
    ['control', 'no pause and no switchover is in force', 'pgherd resume'],
    ['reports/pg-1', 'the node is treated as unknown', 'pgherd events'],
  ] as const)('%s → said at once, while the primary serves', (key, message, next) => {
    const unusable = [{ key, why: 'is missing', revision: 0 }]
    const status = merge({ 'pg-1': healthyView('pg-1', { unusable }) })
    expect(status.verdict).toBe('degraded')
    expect(status.reasons).toHaveLength(1)
    expect(status.reasons[0]).toMatchObject({ code: 'record', node: null, next })
    expect(status.reasons[0]?.message).toContain(message)
    expect(status.summary).toContain(`the record "${key}" in etcd is missing`)
  })

  test('a holder that the spec does not have → named', () => {
    const lease = { ...healthyView('pg-1').lease!, holder: asNodeName('ghost'), epoch: asEpoch(9) }
    const status = merge({ 'pg-1': healthyView('pg-1', { lease }) })
    expect(status.reasons.map(({ message }) => message)).toContainEqual(
      expect.stringContaining('names ghost as the holder, which is no data node'),
    )
  })
})
