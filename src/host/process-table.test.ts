import { spawn, type ChildProcess } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  endDirectoryProcesses,
  isProcessAlive,
  listDirectoryProcesses,
  readCommandLine,
  resolveDataDirectory,
} from './process-table.ts'
import { eventually } from '../../test/support/eventually.ts'

let folder = ''
const started: ChildProcess[] = []

beforeEach(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), 'pgherd-')))
})
afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

/** A process of the given name that sleeps in `cwd`. */
async function sleeper(name: string, cwd: string): Promise<ChildProcess & { pid: number }> {
  const program = path.join(folder, name)
  copyFileSync('/bin/sleep', program)
  return run(program, ['600'], cwd)
}

async function run(program: string, args: string[], cwd: string) {
  const child = spawn(program, args, { cwd, stdio: 'ignore' })
  started.push(child)
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  return child as ChildProcess & { pid: number }
}

test('PostgreSQL processes of a directory are found, a shell in it and other directories are not', async () => {
  const data = path.join(folder, 'pgdata')
  const other = path.join(folder, 'other')
  await mkdir(data)
  await mkdir(other)
  const backend = await sleeper('postgres', data)
  await run(path.join(folder, 'postgres'), ['600'], other)
  await run('/bin/sleep', ['600'], data)
  expect(listDirectoryProcesses(data)).toEqual([backend.pid])
})

test('what a PostgreSQL process started in the directory belongs to it', async () => {
  const data = path.join(folder, 'pgdata')
  await mkdir(data)
  // A shell under the name of postgres that starts a sleep, as an archiver starts its command.
  copyFileSync('/bin/sh', path.join(folder, 'postgres'))
  const archiver = await run(path.join(folder, 'postgres'), ['-c', 'sleep 600; true'], data)
  while (listDirectoryProcesses(data).length < 2) await new Promise((next) => setImmediate(next))
  expect(listDirectoryProcesses(data)).toContain(archiver.pid)
  expect(await endDirectoryProcesses(data, 0, 5000)).toBe(2)
  expect(listDirectoryProcesses(data)).toEqual([])
})

test('a renamed or linked directory is the same directory', async () => {
  const data = path.join(folder, 'pgdata')
  await mkdir(data)
  await symlink(data, path.join(folder, 'link'))
  const backend = await sleeper('postgres', data)
  expect(listDirectoryProcesses(resolveDataDirectory(path.join(folder, 'link')))).toEqual([
    backend.pid,
  ])
  await rm(data, { recursive: true })
  expect(resolveDataDirectory(data)).toBe(data)
  expect(listDirectoryProcesses(data)).toEqual([backend.pid])
})

test('processes that ignore SIGQUIT are killed, and gone when the call returns', async () => {
  copyFileSync('/bin/sh', path.join(folder, 'postgres'))
  const stubborn = spawn(
    path.join(folder, 'postgres'),
    ['-c', 'trap "" QUIT; echo ready; while :; do sleep 1; done'],
    { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] },
  )
  started.push(stubborn)
  await new Promise((resolve) => stubborn.stdout.once('data', resolve))
  const startedAtMs = performance.now()
  await endDirectoryProcesses(folder, 100, 5000)
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(100)
  expect(isProcessAlive(stubborn.pid ?? 0)).toBe(false)
})

test('the command line of a process; of none, nothing', async () => {
  const child = await sleeper('postgres', folder)
  expect(readCommandLine(child.pid)).toEqual([path.join(folder, 'postgres'), '600'])
  expect(readCommandLine(2 ** 30)).toEqual([])
  expect(isProcessAlive(2 ** 30)).toBe(false)
})

// A bind mount needs a mount namespace of its own, and that needs root.
test.skipIf(process.getuid?.() !== 0)(
  'a server that sees its directory under another path → found by device and inode',
  async () => {
    const [data, elsewhere] = [path.join(folder, 'data'), path.join(folder, 'elsewhere')]
    await mkdir(data)
    await mkdir(elsewhere)
    const program = path.join(folder, 'postgres')
    copyFileSync('/bin/sleep', program)
    const script = `mount --bind ${data} ${elsewhere} && cd ${elsewhere} && exec ${program} 600`
    const child = await run('unshare', ['--mount', 'sh', '-c', script], '/')
    await eventually('the program runs', () => readCommandLine(child.pid)[0] === program)
    expect(listDirectoryProcesses(data)).toEqual([child.pid])
  },
)
