import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defaultSpec } from '../../config/load.ts'
import type { Clock } from '../../ports/clock.ts'
import type { StatusClient } from '../../ports/status-client.ts'
import {
  assertRoom,
  ensureFolders,
  ensureProgram,
  ensureSecretFiles,
  explainDiskError,
} from './folders.ts'
import { clusterPathsOf } from './paths.ts'
import type { ClusterPaths } from './paths.ts'
import type { LocalSettings } from './settings.ts'
import { thisMachine } from './site.ts'

let home: string
let settings: LocalSettings
let paths: ClusterPaths

beforeEach(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'pgherd-folders-'))
  const program = path.join(home, 'program')
  await mkdir(program)
  await writeFile(path.join(program, 'main.mjs'), 'one')
  settings = {
    clock: {} as Clock,
    home,
    isHomeOurs: false,
    owner: null,
    site: thisMachine,
    program: {
      execPath: process.execPath,
      directory: program,
      main: 'main.mjs',
      files: ['main.mjs'],
    },
    checkPrograms: async () => ({ postgresMajor: 15 }),
    connect: () => ({}) as StatusClient,
  }
  paths = clusterPathsOf(home, 'c', ['pg-0'])
})
afterEach(() => rm(home, { recursive: true, force: true }))

const modeOf = async (file: string) => ((await stat(file)).mode & 0o777).toString(8)

describe('the folders of a cluster', () => {
  it('are made with closed modes, and made again without harm', async () => {
    await ensureFolders(settings, paths, ['pg-0'])
    await ensureFolders(settings, paths, ['pg-0'])
    expect(await modeOf(paths.nodeDirectory('pg-0'))).toBe('700')
    expect(await modeOf(paths.socketDirectory('pg-0'))).toBe('700')
  })

  it('a folder for sockets in /tmp that is a link of somebody is refused', async () => {
    const far = { ...paths, run: path.join(home, 'short') }
    await symlink('/tmp', far.run)
    await expect(ensureFolders(settings, far, [])).rejects.toMatchObject({
      code: 'PGHERD_RUN_FOLDER_FOREIGN',
    })
  })

  it('a home that is no folder is an error with a next step', async () => {
    const file = path.join(home, 'file')
    await writeFile(file, '')
    const below = clusterPathsOf(path.join(file, 'x'), 'c', [])
    await expect(
      ensureFolders({ ...settings, home: path.join(file, 'x') }, below, []),
    ).rejects.toMatchObject({ code: 'PGHERD_HOME_UNWRITABLE', exitCode: 6 })
  })

  it.each([
    ['ENOSPC', 'PGHERD_DISK_FULL'],
    ['EDQUOT', 'PGHERD_DISK_FULL'],
    ['EACCES', 'PGHERD_HOME_UNWRITABLE'],
    ['EROFS', 'PGHERD_HOME_UNWRITABLE'],
  ])('%s → %s', (code, expected) => {
    const error = Object.assign(new Error(`${code}: no`), { code })
    expect(explainDiskError(error, '/data')).toMatchObject({
      code: expected,
      message: expect.stringContaining('/data') as string,
      because: `${code}: no`,
    })
  })

  it('other errors stay as they are', () => {
    const error = new Error('a bug')
    expect(explainDiskError(error, '/data')).toBe(error)
  })

  it('a disk without room is refused before anything is made, with the figures', async () => {
    const { layout } = defaultSpec()
    await assertRoom(home, layout)
    const huge = { ...layout, nodes: Array.from({ length: 100_000 }, () => layout.nodes[0]!) }
    await expect(assertRoom(home, huge)).rejects.toMatchObject({
      code: 'PGHERD_DISK_FULL',
      because: expect.stringMatching(/100000 data nodes and 100000 voters needs \d+ MB/) as string,
    })
  })
})

describe('the secrets of a cluster', () => {
  it('are made once, closed to others, and never the same twice', async () => {
    await ensureFolders(settings, paths, [])
    const first = await ensureSecretFiles(settings, paths, 'app', true)
    expect(await ensureSecretFiles(settings, paths, 'app', true)).toBe(first)
    expect(await modeOf(paths.secrets)).toBe('700')
    for (const name of ['superuser.password', 'app.password', 'api.secret', 'app.pgpass']) {
      expect(await modeOf(path.join(paths.secrets, name))).toBe('600')
    }
    const other = clusterPathsOf(home, 'other', [])
    await ensureFolders(settings, other, [])
    expect(await ensureSecretFiles(settings, other, 'app', true)).not.toBe(first)
  })

  it('one that a new cluster lacks is made, the others stay', async () => {
    await ensureFolders(settings, paths, [])
    const api = await ensureSecretFiles(settings, paths, 'app', true)
    await writeFile(path.join(paths.secrets, 'app.password'), '')
    expect(await ensureSecretFiles(settings, paths, 'app', true)).toBe(api)
    const password = (await readFile(path.join(paths.secrets, 'app.password'), 'utf8')).trim()
    expect(password.length).toBeGreaterThan(20)
    expect(await readFile(paths.passFile, 'utf8')).toBe(`*:*:*:app:${password}\n`)
  })

  it('one that a cluster has lost is an error: the databases know the old one', async () => {
    await ensureFolders(settings, paths, [])
    await ensureSecretFiles(settings, paths, 'app', true)
    await rm(path.join(paths.secrets, 'replication.password'))
    await expect(ensureSecretFiles(settings, paths, 'app', false)).rejects.toMatchObject({
      code: 'PGHERD_SECRETS',
      message: expect.stringContaining('replication.password') as string,
    })
  })
})

describe('the program of a cluster', () => {
  it('is copied once, and again when it is another one', async () => {
    await ensureFolders(settings, paths, [])
    expect(await ensureProgram(settings, paths)).toBe('new')
    expect(await ensureProgram(settings, paths)).toBe('same')
    await writeFile(path.join(settings.program.directory, 'main.mjs'), 'two')
    expect(await ensureProgram(settings, paths)).toBe('replaced')
    expect(await readFile(path.join(paths.program, 'main.mjs'), 'utf8')).toBe('two')
  })

  it('that was not built is named', async () => {
    await ensureFolders(settings, paths, [])
    const missing = { ...settings.program, directory: path.join(home, 'none') }
    await expect(ensureProgram({ ...settings, program: missing }, paths)).rejects.toMatchObject({
      code: 'PGHERD_NOT_BUILT',
      hint: 'in a clone run: npm run build',
    })
  })
})
