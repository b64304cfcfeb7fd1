import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { makeScratch } from '../../test/support/stand-in-programs.ts'
import type { Scratch } from '../../test/support/stand-in-programs.ts'
import {
  listedFiles,
  parseRecord,
  recordSharedMemory,
  removeRecordedMemory,
  unusedFiles,
} from './shared-memory.ts'
import type { SharedMemory } from './shared-memory.ts'

let scratch: Scratch
let record: string

beforeEach(async () => {
  scratch = await makeScratch()
  record = path.join(scratch.directory, 'shared-memory')
})
afterEach(() => scratch.remove())

/** The key of a segment as the kernel lists it; null when there is none. */
function keyOf(segmentId: number): number | null {
  const rows = readFileSync('/proc/sysvipc/shm', 'utf8').split('\n')
  const row = rows
    .map((line) => line.trim().split(/\s+/))
    .find((one) => one[1] === String(segmentId))
  return row === undefined ? null : Number(row[0])
}

function makeSegment(): { id: number; key: number } {
  const said = execFileSync('ipcmk', ['--shmem', '56'], { encoding: 'utf8' })
  const id = Number(/(\d+)\s*$/.exec(said)?.[1])
  return { id, key: keyOf(id)! }
}

test('what is recorded and in nobody’s use is removed', async () => {
  const file = `/dev/shm/PostgreSQL.9${String(process.pid)}`
  await writeFile(file, '')
  const { id, key } = makeSegment()
  await writeFile(record, `${file}\nsegment ${String(id)} key ${String(key)}\n`)
  await removeRecordedMemory(record)
  expect(existsSync(file)).toBe(false)
  expect(keyOf(id)).toBeNull()
  await removeRecordedMemory(record)
})

test('a segment that got the number since has another key, and stays', async () => {
  const { id, key } = makeSegment()
  try {
    await writeFile(record, `segment ${String(id)} key ${String(key + 1)}\n`)
    await removeRecordedMemory(record)
    expect(keyOf(id)).toBe(key)
  } finally {
    execFileSync('ipcrm', ['--shmem-id', String(id)])
  }
})

test('memory of a server before is kept in the record until it is gone', async () => {
  const [file, next] = ['7', '6'].map((digit) => `/dev/shm/PostgreSQL.${digit}${process.pid}`)
  await writeFile(file!, '')
  const segment = makeSegment()
  const isRecorded = (memory: SharedMemory) =>
    vi.waitFor(() => expect(parseRecord(readFileSync(record, 'utf8'))).toEqual(memory))
  recordSharedMemory(record, { files: [file!], segments: [segment] })
  await isRecorded({ files: [file!], segments: [segment] })
  recordSharedMemory(record, { files: [next!], segments: [] })
  await isRecorded({ files: [next!, file!], segments: [segment] })
  await removeRecordedMemory(record)
  expect([existsSync(file!), keyOf(segment.id)]).toEqual([false, null])
  recordSharedMemory(record, { files: [next!], segments: [] })
  await isRecorded({ files: [next!], segments: [] })
})

/** The list of a server, with one item and one that is free. */
function listOf(other: number): Buffer {
  const list = Buffer.alloc(16 + 40 * 3)
  list.writeUInt32LE(0x9a503d32, 0)
  list.writeUInt32LE(2, 4)
  list.writeUInt32LE(3, 8)
  list.writeUInt32LE(other, 16)
  list.writeUInt32LE(0, 56)
  return list
}

test('of a file that somebody uses, what it lists stays too', async () => {
  const file = path.join(scratch.directory, 'list')
  await writeFile(file, listOf(42))
  expect(unusedFiles([file], new Set([file]))).toEqual([])
  expect(unusedFiles([file], new Set(['/dev/shm/PostgreSQL.42']))).toEqual([file])
  expect(unusedFiles([file], new Set())).toEqual([file, '/dev/shm/PostgreSQL.42'])
})

test('what the list in a file names is removed with it', async () => {
  const other = 4_000_000_000 + (process.pid % 100_000)
  const list = listOf(other)
  expect(listedFiles(list)).toEqual([`/dev/shm/PostgreSQL.${String(other)}`])
  const file = `/dev/shm/PostgreSQL.8${String(process.pid)}`
  await writeFile(file, list)
  await writeFile(`/dev/shm/PostgreSQL.${String(other)}`, '')
  await writeFile(record, `${file}\n`)
  await removeRecordedMemory(record)
  expect(existsSync(`/dev/shm/PostgreSQL.${String(other)}`)).toBe(false)
  expect(existsSync(file)).toBe(false)
})

test('a file that is no list names nothing', () => {
  expect(listedFiles(undefined)).toEqual([])
  expect(listedFiles(Buffer.from('short'))).toEqual([])
  expect(listedFiles(Buffer.alloc(200, 7))).toEqual([])
  const cutOff = Buffer.alloc(20)
  cutOff.writeUInt32LE(0x9a503d32, 0)
  cutOff.writeUInt32LE(1_000_000, 4)
  expect(listedFiles(cutOff)).toEqual([])
})

test('no record, or one that makes no sense: nothing is done', async () => {
  await removeRecordedMemory(path.join(scratch.directory, 'none'))
  const other = path.join(scratch.directory, 'other')
  await writeFile(other, '')
  await writeFile(record, `${other}\n/dev/shm/PostgreSQL.1/../x\nsegment x key 1\n`)
  expect(parseRecord(readFileSync(record, 'utf8'))).toEqual({ files: [], segments: [] })
  await removeRecordedMemory(record)
  expect(existsSync(other)).toBe(true)
  await rm(other)
})
