// The guard on a real PostgreSQL: nothing writes after the deadline, whoever is dead or frozen.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { readFile, rename, symlink } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { renderArguments } from '../../src/adapters/postgres/settings.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import type { MonotonicMs } from '../../src/core/names.ts'
import { parseSharedMemory } from '../../src/host/shared-memory.ts'
import {
  isProcessAlive,
  listDirectoryProcesses,
  resolveDataDirectory,
} from '../../src/host/process-table.ts'
import type { PostgresEnd } from '../../src/ports/guard.ts'
import { PostgresLab, closedAndNobody, type LabNode } from '../support/postgres.ts'
import { waitFor } from '../support/wait.ts'

// SIGQUIT, the pause before SIGKILL, and what a busy machine may add to both.
const fenceMaxMs = 150 + 350

let lab: PostgresLab
let node: LabNode

beforeAll(async () => {
  lab = await PostgresLab.open()
})
beforeEach(async () => {
  node = await lab.node('pg-0')
  await lab.fill(node)
})
afterEach(() => lab.reset())
afterAll(() => lab.close())

const processes = (of: LabNode): readonly number[] =>
  listDirectoryProcesses(resolveDataDirectory(of.paths.data))

const inMs = (durationMs: number): MonotonicMs =>
  (systemClock.monotonicMs() + durationMs) as MonotonicMs

function postmasterPid(of: LabNode): number {
  const state = of.guard.state()
  if (state.kind !== 'running') throw new Error('no server runs')
  return state.pid
}

function nextEnd(of: LabNode): Promise<PostgresEnd> {
  return new Promise((resolve) => of.guard.onPostgresGone(resolve))
}

/** A session that commits one row after the other, in the server, for as long as it lives. */
async function startBusySession(): Promise<void> {
  const client = await lab.client(node)
  await client.query('create table if not exists busy (at timestamptz not null)')
  await client.query(`create or replace procedure be_busy() language plpgsql as $$
    begin loop insert into busy values (clock_timestamp()); commit; end loop; end $$`)
  client.query('call be_busy()').catch(() => undefined)
  await waitFor(
    'the session commits',
    () => lab.sql<{ n: number }>(node, 'select count(*)::int as n from busy'),
    ([row]) => (row?.n ?? 0) > 10,
  )
}

/** Rows committed after `atMs` (wall clock), read after a restart. */
async function rowsAfter(atMs: number): Promise<{ after: number; before: number }> {
  const [row] = await lab.sql<{ after: number; before: number }>(
    node,
    `select count(*) filter (where at > to_timestamp(${String(atMs / 1000)}))::int as after,
       count(*) filter (where at <= to_timestamp(${String(atMs / 1000)}))::int as before from busy`,
  )
  return row ?? { after: -1, before: -1 }
}

/** Wall clock for an instant of the monotonic clock. */
function wallClockOf(monotonicMs: number): number {
  return systemClock.wallClockMs() - (systemClock.monotonicMs() - monotonicMs)
}

/** Returns when no process of the directory is left: the monotonic time at which that was seen. */
async function awaitNoProcess(): Promise<number> {
  await waitFor(
    'every process has ended',
    () => processes(node).length,
    (count) => count === 0,
  )
  return systemClock.monotonicMs()
}

/** A busy primary whose deadline is held by an agent of its own. */
async function startBusyPrimaryUnderAgent(holdMs: number) {
  await lab.startPrimary(node)
  await startBusySession()
  // Deadlines only grow: without this the lab's own hour would count.
  await node.guard.disarm()
  return lab.startAgent(node, holdMs)
}

describe('the deadline', () => {
  test('agent frozen: a busy primary is stopped at the deadline, not before', async () => {
    const agent = await startBusyPrimaryUnderAgent(600)
    process.kill(agent.pid, 'SIGSTOP')
    const goneAtMs = await awaitNoProcess()
    const stopByMs = agent.stopByMs()
    expect(goneAtMs).toBeGreaterThanOrEqual(stopByMs)
    expect(goneAtMs - stopByMs).toBeLessThan(fenceMaxMs)
    console.info(`fence latency: ${(goneAtMs - stopByMs).toFixed(0)} ms after the deadline`)
    // The guard itself was not late: a timer that comes a little early is set again, not left to the tick.
    const log = await readFile(path.join(node.paths.logs, 'guard.log'), 'utf8')
    const lateMs = Number(/the deadline passed ([\d.]+) ms ago/.exec(log)?.[1])
    expect(lateMs).toBeLessThan(50)

    const successor = await lab.attach(node.options)
    await successor.guard.disarm()
    await lab.startPrimary(successor)
    expect((await rowsAfter(wallClockOf(goneAtMs))).after).toBe(0)
    const lateRows = await rowsAfter(wallClockOf(stopByMs - 300))
    expect(lateRows.after).toBeGreaterThan(0)
  })

  test('agent killed: PostgreSQL goes on, a new agent adopts it in time', async () => {
    const agent = await startBusyPrimaryUnderAgent(2000)
    const pid = Number(
      (await readFile(path.join(node.paths.data, 'postmaster.pid'), 'utf8')).split('\n')[0],
    )
    agent.child.kill('SIGKILL')
    await waitFor(
      'the agent is dead',
      () => isProcessAlive(agent.pid),
      (alive) => !alive,
    )
    const successor = await lab.attach(node.options)
    expect(successor.guard.state()).toEqual({ kind: 'running', pid, as: 'primary' })
    expect(successor.guard.stopByMs()).toBe(agent.stopByMs())
    await lab.arm(successor)
    expect(await successor.postgres.observe(2000)).toMatchObject({ kind: 'primary' })
    await systemClock.sleep(agent.stopByMs() - systemClock.monotonicMs() + 100)
    expect(postmasterPid(successor)).toBe(pid)
    expect(isProcessAlive(pid)).toBe(true)
  })

  test('agent killed and nobody comes: the deadline stops PostgreSQL', async () => {
    const agent = await startBusyPrimaryUnderAgent(500)
    agent.child.kill('SIGKILL')
    const goneAtMs = await awaitNoProcess()
    expect(goneAtMs - agent.stopByMs()).toBeLessThan(fenceMaxMs)
  })

  test('machine frozen: on waking the deadline comes before the extension that lies in the socket', async () => {
    await lab.startPrimary(node)
    await node.guard.disarm()
    await node.guard.arm(inMs(400))
    const end = nextEnd(node)
    const guardPid = node.guard.guardPid() ?? -1
    process.kill(guardPid, 'SIGSTOP')
    await systemClock.sleep(500)
    node.guard.extend(inMs(60_000))
    const wokenAtMs = systemClock.monotonicMs()
    process.kill(guardPid, 'SIGCONT')
    expect((await end).kind).toBe('fenced')
    expect(systemClock.monotonicMs() - wokenAtMs).toBeLessThan(fenceMaxMs)
  })

  test('a hanging disk is noticed, and does not keep the guard from fencing', async () => {
    await lab.startPrimary(node)
    await waitFor(
      'a probe has run',
      () => node.guard.diskProbeMs(),
      (ms) => ms > 0,
    )
    const normalMs = node.guard.diskProbeMs()
    expect(normalMs).toBeLessThan(2000)
    // Opening a pipe that nobody reads blocks, as a write to a dead disk does.
    const probeFile = path.join(node.options.nodeDirectory, '.disk-probe')
    const pipe = `${probeFile}.pipe`
    execFileSync('mkfifo', [pipe])
    // In one step: between a removal and a new file the next probe would make its own.
    await rename(pipe, probeFile)
    await waitFor(
      'the probe hangs',
      () => node.guard.diskProbeMs(),
      (ms) => ms > 700,
    )
    expect(node.guard.isAlive()).toBe(true)
    await node.guard.disarm()
    await node.guard.arm(inMs(100))
    const end = nextEnd(node)
    const startedAtMs = systemClock.monotonicMs()
    expect((await end).kind).toBe('fenced')
    expect(systemClock.monotonicMs() - startedAtMs).toBeLessThan(100 + fenceMaxMs)
    const guardPid = node.guard.guardPid() ?? -1
    await node.guard.dispose()
    expect(isProcessAlive(guardPid)).toBe(false)
  })
})

/** What these processes have mapped; backends have more than the postmaster. */
function sharedFiles(pids: readonly number[]): readonly string[] {
  const maps = pids.map((pid) => readFileSync(`/proc/${String(pid)}/maps`, 'utf8'))
  return parseSharedMemory(maps.join('\n')).files
}

describe('a server that the guard did not start', () => {
  /** What a person does: stops PostgreSQL and starts it again, perhaps through a link to its directory. */
  async function restartByHand(dataDirectory = node.paths.data): Promise<void> {
    const { runAs, binaries } = lab
    const guardLog = path.join(node.paths.logs, 'guard.log')
    const postmaster = processes(node).length === 0 ? null : readPostmasterPid()
    if (postmaster !== null) process.kill(postmaster, 'SIGINT')
    // The guard looks for what its own server left behind before it says so.
    await waitFor(
      'the guard has seen the end of its server',
      () => readFile(guardLog, 'utf8'),
      (text) => text.includes('PostgreSQL is gone'),
    )
    const drop =
      runAs === null ? [] : [`--reuid=${runAs.uid}`, `--regid=${runAs.gid}`, '--clear-groups']
    const [, , ...settings] = renderArguments(node.options)
    const program = path.join(binaries.directory, 'postgres')
    spawn('setpriv', [...drop, '--', program, '-D', dataDirectory, ...settings], {
      cwd: '/',
      stdio: 'ignore',
      detached: true,
    }).unref()
    await waitFor(
      'the server runs again',
      () => node.postgres.observe(2000),
      (seen) => seen.kind === 'primary',
    )
  }

  function readPostmasterPid(): number {
    return Number(readFileSync(path.join(node.paths.data, 'postmaster.pid'), 'utf8').split('\n')[0])
  }

  test.each(['immediate', 'fast'] as const)('stop (%s) ends it all the same', async (mode) => {
    await lab.startPrimary(node)
    await restartByHand()
    expect(node.guard.holdsServer()).toBe(false)
    await node.guard.stop(mode, 10_000)
    expect(processes(node)).toEqual([])
  })

  test('started through a link to the directory: stop ends it too', async () => {
    await lab.startPrimary(node)
    const link = path.join(node.paths.nodeDirectory, 'link')
    await symlink(node.paths.data, link)
    await restartByHand(link)
    await node.guard.stop('immediate', 10_000)
    expect(processes(node)).toEqual([])
  })

  test('the agent is frozen: it ends at the deadline', async () => {
    await lab.startPrimary(node)
    await node.guard.disarm()
    const agent = await lab.startAgent(node, 5000)
    process.kill(agent.pid, 'SIGSTOP')
    await restartByHand()
    const goneAtMs = await awaitNoProcess()
    expect(goneAtMs).toBeGreaterThanOrEqual(agent.stopByMs())
    expect(goneAtMs - agent.stopByMs()).toBeLessThan(fenceMaxMs)
  })
})

describe('death', () => {
  test('postmaster killed: busy backends are ended before the server counts as gone', async () => {
    await lab.startPrimary(node)
    await startBusySession()
    const pid = postmasterPid(node)
    const shared = sharedFiles(processes(node))
    expect(shared.length).toBeGreaterThan(sharedFiles([pid]).length)
    const end = nextEnd(node)
    const killedAtMs = systemClock.monotonicMs()
    process.kill(pid, 'SIGKILL')
    expect(await end).toMatchObject({ kind: 'killed', signal: 'SIGKILL' })
    const goneWallMs = systemClock.wallClockMs()
    expect(processes(node)).toEqual([])
    console.info(`surely dead after ${(systemClock.monotonicMs() - killedAtMs).toFixed(0)} ms`)
    await waitFor(
      'its shared memory is gone',
      () => shared.filter((file) => existsSync(file)),
      (left) => left.length === 0,
      2000,
    )
    // The test is worth something only if there was something to kill.
    await waitFor(
      'the guard tells of orphans',
      () => readFile(path.join(node.paths.logs, 'guard.log'), 'utf8'),
      (text) => /[1-9]\d* orphans had to be killed/.test(text),
    )
    await lab.startPrimary(node)
    const rows = await rowsAfter(goneWallMs)
    expect(rows.after).toBe(0)
    expect(rows.before).toBeGreaterThan(10)
  })

  test('guard killed: PostgreSQL dies with it, cleanly enough to leave no orphan, and the next guard starts it again', async () => {
    await lab.startPrimary(node)
    await startBusySession()
    const end = nextEnd(node)
    const guardPid = node.guard.guardPid() ?? -1
    process.kill(guardPid, 'SIGKILL')
    expect((await end).kind).toBe('killed')
    expect(node.guard.isAlive()).toBe(false)
    expect(processes(node)).toEqual([])
    expect(await node.postgres.observe(1000)).toEqual({ kind: 'stopped' })
    await node.guard.ensure()
    lab.remember(node)
    expect(node.guard.isAlive()).toBe(true)
    expect(node.guard.guardPid()).not.toBe(guardPid)
    await lab.startPrimary(node)
    expect(await node.postgres.observe(2000)).toMatchObject({ kind: 'primary' })
  })

  test('agent and guard killed together: PostgreSQL dies with them', async () => {
    const agent = await startBusyPrimaryUnderAgent(60_000)
    const guardPid = Number(
      await readFile(path.join(node.options.nodeDirectory, 'guard.pid'), 'utf8'),
    )
    agent.child.kill('SIGKILL')
    process.kill(guardPid, 'SIGKILL')
    await awaitNoProcess()
  })

  test('guard frozen: it stops answering, and is replaced together with its server', async () => {
    await lab.startPrimary(node)
    const guardPid = node.guard.guardPid() ?? -1
    process.kill(guardPid, 'SIGSTOP')
    await waitFor(
      'the guard counts as dead',
      () => node.guard.isAlive(),
      (alive) => !alive,
      3000,
    )
    const end = nextEnd(node)
    await node.guard.ensure()
    lab.remember(node)
    expect((await end).kind).toBe('killed')
    expect(isProcessAlive(guardPid)).toBe(false)
    expect(processes(node)).toEqual([])
  })
})

test('guard frozen: who must stop at once does not wait for it', async () => {
  await lab.startPrimary(node)
  const guardPid = node.guard.guardPid() ?? -1
  process.kill(guardPid, 'SIGSTOP')
  const startedAtMs = systemClock.monotonicMs()
  await node.postgres.stop('immediate', 10_000)
  // The time until a new lease may begin is a margin of 300 ms or more.
  expect(systemClock.monotonicMs() - startedAtMs).toBeLessThan(fenceMaxMs)
  expect(processes(node)).toEqual([])
  expect(isProcessAlive(guardPid)).toBe(false)
  await node.guard.ensure()
  lab.remember(node)
  await lab.startPrimary(node)
})

describe('starting', () => {
  test('a primary is refused without a deadline, and anything after it has passed', async () => {
    await node.postgres.configure(closedAndNobody)
    await expect(node.postgres.start('primary', 5000)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/only under a deadline/) as string,
    })
    await node.guard.arm(inMs(-1))
    for (const as of ['primary', 'standby'] as const) {
      await expect(node.postgres.start(as, 5000)).rejects.toMatchObject({
        kind: 'refused',
        message: expect.stringMatching(/deadline has passed/) as string,
      })
    }
    expect(processes(node)).toEqual([])
    await node.guard.disarm()
    await node.postgres.start('standby', 20_000)
    expect(postmasterPid(node)).toBeGreaterThan(0)
  })

  test('what somebody else started in the directory is ended first', async () => {
    await lab.startPrimary(node)
    await startBusySession()
    const stranger = postmasterPid(node)
    // Orphans with a stale lock file: guard and postmaster die at the same moment.
    process.kill(node.guard.guardPid() ?? -1, 'SIGSTOP')
    process.kill(stranger, 'SIGKILL')
    expect(processes(node).length).toBeGreaterThan(0)
    await lab.attach(node.options)
    expect(processes(node)).toEqual([])
    const successor = await lab.attach(node.options)
    await lab.startPrimary(successor)
    expect(await successor.postgres.observe(2000)).toMatchObject({ kind: 'primary' })
  })

  test('a newer agent takes the place of the old one', async () => {
    await lab.startPrimary(node)
    const successor = await lab.attach(node.options)
    await waitFor(
      'the old one knows',
      () => node.guard.isAlive(),
      (alive) => !alive,
    )
    expect(successor.guard.isAlive()).toBe(true)
    expect(postmasterPid(successor)).toBeGreaterThan(0)
  })

  test('a guard with nothing to guard and nobody to serve ends', async () => {
    const idle = await lab.node('pg-9')
    const impatient = await lab.attach(
      { ...idle.options, node: 'pg-8' as never, nodeDirectory: path.join(lab.folder, 'pg-8') },
      { idleExitMs: 200 },
    )
    const guardPid = impatient.guard.guardPid() ?? -1
    await systemClock.sleep(400)
    expect(isProcessAlive(guardPid)).toBe(true)
    impatient.guard.abandon()
    await waitFor(
      'the guard has ended',
      () => isProcessAlive(guardPid),
      (alive) => !alive,
    )
  })
})
