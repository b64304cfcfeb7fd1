import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { asMonotonic, asNodeName, type WallClockMs } from '../../core/names.ts'
import type { JournalEvent } from '../../core/journal-event.ts'
import { createJournal, eventFileName } from './journal.ts'
import { openRotatingFile } from './rotating-file.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgherd-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const node = asNodeName('pg-0')
const event: JournalEvent = {
  id: 'pg-0-7-1',
  kind: 'promoted',
  node,
  epoch: null,
  ruleId: 'R100',
  message: 'pg-0 was promoted.',
  operands: { lsn: '0/3000148' },
  atMs: 1_790_000_000_000 as WallClockMs,
  atMonotonicMs: asMonotonic(12),
}

test('an event is one line, on disk when record returns', async () => {
  const journal = createJournal({
    node,
    directory: folder,
    log: { file: path.join(folder, 'log') },
  })
  journal.record(event)
  journal.record({ ...event, id: 'pg-0-7-2' })
  const lines = (await readFile(path.join(folder, eventFileName), 'utf8')).trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line) as JournalEvent)).toEqual([
    event,
    { ...event, id: 'pg-0-7-2' },
  ])
  journal.close()
})

test('a line of the log names the node, the level and its fields', async () => {
  const file = path.join(folder, 'agent.log')
  const journal = createJournal({ node, directory: folder, log: { file } })
  journal.log('warn', 'disk is slow', { tookMs: 900 })
  journal.log('debug', 'not wanted')
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: 'warn',
    node: 'pg-0',
    msg: 'disk is slow',
    tookMs: 900,
  })
  journal.close()
})

test('a disk that refuses loses the line, not the agent', async () => {
  const journal = createJournal({
    node,
    directory: '/dev/null/nowhere',
    log: { file: '/dev/full' },
  })
  expect(() => journal.record(event)).not.toThrow()
  expect(() => journal.log('error', 'no space')).not.toThrow()
  journal.close()
})

test('files are rotated by size and only so many are kept', async () => {
  const file = path.join(folder, 'lines')
  const lines = openRotatingFile({ file, sizeMaxBytes: 10, keepCount: 2 })
  for (const line of [
    'first\n',
    'second\n',
    'third\n',
    'a line longer than the limit\n',
    'last\n',
  ]) {
    lines.write(line)
  }
  lines.close()
  expect((await readdir(folder)).sort()).toEqual(['lines', 'lines.1', 'lines.2'])
  expect(await readFile(file, 'utf8')).toBe('last\n')
  expect(await readFile(`${file}.1`, 'utf8')).toBe('a line longer than the limit\n')
  expect(await readFile(`${file}.2`, 'utf8')).toBe('third\n')
})

test('an opened file goes on where the last run ended', async () => {
  const file = path.join(folder, 'lines')
  for (const line of ['one\n', 'two\n']) {
    const lines = openRotatingFile({ file, sizeMaxBytes: 100, keepCount: 1 })
    lines.write(line)
    lines.close()
  }
  expect(await readFile(file, 'utf8')).toBe('one\ntwo\n')
})
