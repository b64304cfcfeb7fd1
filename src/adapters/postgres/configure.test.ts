// A configuration that was written half-way, by an attempt that failed: the next attempt finds the files
// as they should be, and must nevertheless make the server read them.

import { mkdir, mkdtemp, readFile, rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { postgresOptions } from '../../../test/support/postgres-options.ts'
import type { MonotonicMs, WallClockMs } from '../../core/names.ts'
import type { ServerConfig } from '../../core/server.ts'
import type { PostgresProcess } from '../../ports/postgres-process.ts'
import { nodePathsOf, type PostgresOptions } from './options.ts'
import type { PostgresAdapter } from './postgres.ts'
import { createPostgres } from './postgres.ts'

const closed: ServerConfig = { upstream: null, sync: { kind: 'nobody' }, gate: 'closed' }
const open: ServerConfig = { ...closed, gate: 'open' }

let home: string
let reloadCount: number
let isGuardSilent: boolean
let postgres: PostgresAdapter

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'pgherd-configure-'))
  reloadCount = 0
  isGuardSilent = false
  const process: PostgresProcess = {
    state: () => ({ kind: 'running', pid: 1, as: 'standby' }),
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    reload: () => {
      if (isGuardSilent) return Promise.reject(new Error('the guard does not answer'))
      reloadCount += 1
      return Promise.resolve()
    },
    onEnd: () => () => undefined,
  }
  const clock = {
    monotonicMs: () => 0 as MonotonicMs,
    wallClockMs: () => 0 as WallClockMs,
    sleep: () => Promise.resolve(),
  }
  postgres = createPostgres(optionsIn(home), { clock, process })
  await mkdir(nodePathsOf(home).data, { recursive: true })
  await postgres.configure(closed)
  reloadCount = 0
})

afterEach(async () => {
  await postgres.close()
  await rm(home, { recursive: true, force: true })
})

describe('configure, tried again after it failed half-way', () => {
  it('nothing differs and nothing failed → no reload', async () => {
    await postgres.configure(closed)
    expect(reloadCount).toBe(0)
  })

  it('every file was written, then a folder stood in the way → the server reads them', async () => {
    const obstacle = path.join(nodePathsOf(home).data, 'postgresql.auto.conf')
    await mkdir(obstacle)
    await expect(postgres.configure(open)).rejects.toThrow()
    await vi.waitUntil(hasOpenGate)
    await rmdir(obstacle)
    await postgres.configure(open)
    expect(reloadCount).toBe(1)
  })

  it('the files were written and the guard did not answer → the server reads them', async () => {
    isGuardSilent = true
    await expect(postgres.configure(open)).rejects.toThrow()
    isGuardSilent = false
    await postgres.configure(open)
    await postgres.configure(open)
    expect(reloadCount).toBe(1)
  })
})

/** Whether pg_hba.conf lets clients in. */
async function hasOpenGate(): Promise<boolean> {
  return (await readFile(nodePathsOf(home).hba, 'utf8')).includes('samehost')
}

function optionsIn(nodeDirectory: string): PostgresOptions {
  const socketDirectory = path.join(nodeDirectory, 'run')
  return { ...postgresOptions, nodeDirectory, socketDirectory, allowFrom: ['samehost'] }
}
