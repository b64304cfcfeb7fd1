// The instrument itself: writers and ledger against one plain server, which is hurt behind their back.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chmodSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { acknowledgementsOf, isAcknowledged } from '../../bench/attempt.ts'
import { judgeLedger } from '../../bench/ledger.ts'
import { measureOutage } from '../../bench/outage.ts'
import { type Programs, PlainServer, findPrograms, initialise } from '../../bench/plain-server.ts'
import type { Target } from '../../bench/writers.ts'
import { Writers, prepareLedger, readLedger, withClient } from '../../bench/writers.ts'
import { readMonotonicMs } from '../../src/host/monotonic.ts'
import { freePorts } from '../support/free-ports.ts'

let folder: string
let programs: Programs
let server: PlainServer | null = null
let target: Target
let run = 0

const settings = () => ({ unix_socket_directories: '', shared_buffers: '16MB', fsync: 'off' })

const start = () => PlainServer.start(programs, path.join(folder, 'data'), target, settings())

beforeAll(async () => {
  programs = await findPrograms()
  folder = await mkdtemp(path.join(tmpdir(), 'pgherd-ledger-'))
  chmodSync(folder, 0o755)
  const [port] = await freePorts(1)
  target = { host: '127.0.0.1', port: port!, database: 'postgres', user: 'postgres', password: '' }
  await initialise(programs, path.join(folder, 'data'))
  server = await start()
  await prepareLedger(target)
})

afterAll(async () => {
  // A killed server would leave its shared memory to the machine.
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function startWriters(): Promise<Writers> {
  run += 1
  const writers = Writers.start(target, run)
  await writers.waitForAll(10_000)
  return writers
}

describe('ledger on a real server', () => {
  test('undisturbed → every write acknowledged once, by this server', async () => {
    const writers = await startWriters()
    await writers.waitForAll(5000)
    const attempts = await writers.stop()
    const verdict = judgeLedger(attempts, await readLedger(target, run))
    expect(verdict).toMatchObject({ failed: 0, unknown: 0, isSound: true })
    expect(verdict.acknowledged).toBe(attempts.length)
    expect(attempts.every((one) => one.reign?.server === `127.0.0.1:${String(target.port)}`)).toBe(
      true,
    )
  })

  test('server killed and started again → the writers come back by themselves and measure it', async () => {
    const writers = await startWriters()
    const faultAtMs = readMonotonicMs()
    await server!.kill()
    server = await start()
    const first = writers.attempts().findLast(isAcknowledged)
    const isNew = (startedAtMs: number | undefined) => startedAtMs !== first?.reign.startedAtMs
    await writers.waitFor(
      'a commit of the new server',
      (one) => one.reign !== null && isNew(one.reign.startedAtMs),
      10_000,
    )
    const attempts = await writers.stop()
    const outage = measureOutage(acknowledgementsOf(attempts), faultAtMs, readMonotonicMs())
    expect(outage.outageMs).toBeGreaterThan(10)
    expect(outage.gapMs).toBeGreaterThan(10)
    expect(judgeLedger(attempts, await readLedger(target, run)).isSound).toBe(true)
  })

  test('writes refused → failed, and absent', async () => {
    const writers = await startWriters()
    await withClient(target, (client) =>
      client.query('alter system set default_transaction_read_only = on'),
    )
    await withClient(target, (client) => client.query('select pg_reload_conf()'))
    await writers.waitFor('a refusal', (one) => one.outcome === 'failed', 10_000)
    await withClient(target, async (client) => {
      await client.query('set default_transaction_read_only = off')
      await client.query('alter system reset default_transaction_read_only')
      await client.query('select pg_reload_conf()')
    })
    await writers.waitForAll(10_000)
    const verdict = judgeLedger(await writers.stop(), await readLedger(target, run))
    expect(verdict.failed).toBeGreaterThan(0)
    expect(verdict.isSound).toBe(true)
  })

  test('rows deleted, doubled and forged behind its back → each is found', async () => {
    const attempts = await (await startWriters()).stop()
    await withClient(target, async (client) => {
      const where = `run = ${run} and client = 0`
      await client.query(`delete from pgherd_ledger where ${where} and sequence = 1`)
      await client.query(
        `insert into pgherd_ledger select * from pgherd_ledger where run = ${run} and client = 1 and sequence = 1`,
      )
      await client.query(`insert into pgherd_ledger values (${run}, 9, 1, 1, 1)`)
      await client.query(`update pgherd_ledger set server = 'x' where run = ${run} and client = 2`)
    })
    const verdict = judgeLedger(attempts, await readLedger(target, run))
    expect(verdict.missing).toMatchObject([{ client: 0, sequence: 1 }])
    expect(verdict.repeated).toMatchObject([{ client: 1, sequence: 1 }])
    expect(verdict.strangers).toMatchObject([{ client: 9 }])
    expect(verdict.altered.length).toBeGreaterThan(0)
    expect(verdict.isSound).toBe(false)
  })

  test('server stops answering in the middle of a write → unknown, and the client goes on', async () => {
    run += 1
    const pace = { clientCount: 1, pauseMs: 5, connectTimeoutMs: 300, retryPauseMs: 10 }
    const writers = Writers.start(target, run, { ...pace, answerTimeoutMs: 300 })
    await writers.waitForAll(10_000)
    await withClient(target, async (client) => {
      await client.query('begin')
      await client.query('lock table pgherd_ledger')
      await writers.waitFor('no answer', (one) => one.outcome === 'unknown', 10_000)
      await client.query('commit')
    })
    await writers.waitForAll(10_000)
    const verdict = judgeLedger(await writers.stop(), await readLedger(target, run))
    expect(verdict.unknown).toBeGreaterThan(0)
    expect(verdict.isSound).toBe(true)
  })
})
