// Starting the supervisor as another user. The supervisor is a script that ends at once.

import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../ports/clock.ts'
import type { StatusClient } from '../../ports/status-client.ts'
import { clusterPathsOf } from './paths.ts'
import type { ClusterPaths } from './paths.ts'
import type { LocalSettings } from './settings.ts'
import { thisMachine } from './site.ts'
import { ensureSupervisor } from './supervision.ts'

const somebody = { name: 'somebody', uid: 65534, gid: 65534 }

let home: string
let settings: LocalSettings
let paths: ClusterPaths

beforeEach(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'pgherd-supervision-'))
  paths = clusterPathsOf(home, 'c', [])
  for (const folder of [paths.program, paths.logs]) await mkdir(folder, { recursive: true })
  await writeFile(path.join(paths.program, 'main.mjs'), 'process.exit(7)')
  settings = {
    clock: {
      monotonicMs: () => performance.now(),
      sleep: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
    } as Clock,
    home,
    isHomeOurs: false,
    owner: somebody,
    site: thisMachine,
    program: { execPath: process.execPath, directory: home, main: 'main.mjs', files: [] },
    checkPrograms: async () => ({ postgresMajor: 15 }),
    connect: () => ({}) as StatusClient,
  }
})
afterEach(() => rm(home, { recursive: true, force: true }))

// Only root can start a process as somebody else.
describe.runIf(process.getuid?.() === 0)('the supervisor as another user', () => {
  const starting = () => ensureSupervisor(settings, paths, 'c', [])

  it('a home below a folder that is closed for it → refused, with the reason', async () => {
    await chmod(home, 0o700)
    await expect(starting()).rejects.toMatchObject({
      code: 'PGHERD_PROGRAM_CLOSED',
      because: 'one of the folders above them is closed for other users',
    })
  })

  it('a home that it can enter → it is started', async () => {
    await chmod(home, 0o755)
    await expect(starting()).rejects.toMatchObject({ because: 'it ended: exit code 7' })
  })
})
