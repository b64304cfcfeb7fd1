// Disk probe, server log and shared memory: what the guard does with files, and that neither can stop it.

import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { appendFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createDiskProbe } from './disk-probe.ts'
import { parseSharedMemory } from '../host/shared-memory.ts'
import { trimServerLog, withServerLog } from './server-log.ts'

let folder = ''
let data = ''
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgherd-'))
  data = path.join(folder, 'pgdata')
  await mkdir(data)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function until(isWanted: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isWanted())) await new Promise((next) => setImmediate(next))
}

test('a probe writes beside the data directory and says how long that took', async () => {
  const time = { ms: 100 }
  const probe = createDiskProbe(data, () => time.ms)
  expect(probe.durationMs()).toBe(0)
  probe.run()
  time.ms += 7
  expect(probe.durationMs()).toBe(7)
  await until(() => {
    const before = probe.durationMs()
    time.ms += 1
    return probe.durationMs() === before
  })
  expect(await readdir(folder)).toContain('.disk-probe')
  expect(await readdir(data)).toEqual([])
  probe.reset()
  expect(probe.durationMs()).toBe(0)
})

test('a probe that hangs, or fails again and again, grows from its first start', async () => {
  const time = { ms: 0 }
  const probe = createDiskProbe(path.join(folder, 'missing'), () => time.ms)
  probe.run()
  for (let round = 0; round < 3; round += 1) {
    time.ms += 500
    await new Promise((next) => setTimeout(next, 5))
    probe.run()
  }
  expect(probe.durationMs()).toBe(1500)
  await mkdir(path.join(folder, 'missing'))
  await until(async () => {
    probe.run()
    await new Promise((next) => setImmediate(next))
    return probe.durationMs() < 1500
  })
})

test('a hanging round is not joined by another', async () => {
  const pipe = path.join(folder, '.disk-probe')
  execFileSync('mkfifo', [pipe])
  const time = { ms: 0 }
  const probe = createDiskProbe(data, () => time.ms)
  for (let round = 0; round < 10; round += 1) {
    probe.run()
    time.ms += 100
    await new Promise((next) => setTimeout(next, 2))
  }
  expect(probe.durationMs()).toBe(1000)
  // Reading lets the writer go on; had ten rounds waited, the thread pool would be full.
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  await readFile('/proc/self/stat')
  closeSync(reader)
})

test('a log beyond its size is cut while it is written to, and the old part kept', async () => {
  const log = path.join(folder, 'postgresql.log')
  await writeFile(log, 'x'.repeat(1000))
  trimServerLog(log, 2000)
  await appendFile(log, 'y'.repeat(2000))
  withServerLog(log, (descriptor) => {
    expect(descriptor).toBeGreaterThan(2)
  })
  trimServerLog(log, 2000)
  await until(async () => (await readFile(log, 'utf8')) === '')
  expect(await readFile(`${log}.1`, 'utf8')).toHaveLength(3000)
  trimServerLog(path.join(folder, 'none'), 1)
})

test('the shared memory files of a server, from its memory map', () => {
  const maps = [
    '7f0000000000-7f0000007000 rw-s 00000000 00:19 12   /dev/shm/PostgreSQL.1000536288',
    '7f0000007000-7f0000008000 rw-s 00000000 00:19 12   /dev/shm/PostgreSQL.1000536288',
    '7f0000008000-7f0000108000 rw-s 00000000 00:19 13   /dev/shm/PostgreSQL.42',
    '7f0000108000-7f0000109000 rw-s 00000000 00:01 3    /SYSV0052e2c1 (deleted)',
    '7f0000108000-7f0000109000 rw-s 00000000 00:01 4              /SYSVffffffff',
    '7f0000109000-7f000010a000 rw-s 00000000 00:19 14   /dev/shm/somebody.else',
  ].join('\n')
  expect(parseSharedMemory(maps)).toEqual({
    files: ['/dev/shm/PostgreSQL.1000536288', '/dev/shm/PostgreSQL.42'],
    segments: [
      { id: 3, key: 0x0052e2c1 },
      { id: 4, key: -1 },
    ],
  })
})
