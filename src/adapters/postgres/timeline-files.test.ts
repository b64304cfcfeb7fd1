import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { asTimeline } from '../../core/names.ts'
import { parseLsn } from '../../core/lsn.ts'
import {
  newestTimelineAt,
  parseHistory,
  placePlaceholders,
  readHistory,
  removeLeftoverPlaceholders,
  segmentName,
  timelineAt,
} from './timeline-files.ts'

const segmentBytes = 16 * 1024 * 1024
const history = parseHistory(
  '1\t0/3000148\tno recovery target specified\n\n# comment\n5\t0/5000060\tno recovery target\n',
)

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgherd-'))
  await mkdir(path.join(folder, 'pg_wal'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const place = (name: string, text = '') => writeFile(path.join(folder, 'pg_wal', name), text)

test('a history file is parsed, oldest first', () => {
  expect(history).toEqual([
    { timeline: 1, endLsn: parseLsn('0/3000148') },
    { timeline: 5, endLsn: parseLsn('0/5000060') },
  ])
})

test('a damaged history file is refused', () => {
  expect(() => parseHistory('one 0/1\n')).toThrow(RangeError)
  expect(() => parseHistory('1 zero\n')).toThrow(RangeError)
})

test.each([
  ['0/3000100', 1],
  // The switch itself is still the old branch: no record of the new one lies before it.
  ['0/3000148', 1],
  ['0/3000149', 5],
  ['0/5000060', 5],
  ['0/5000061', 7],
])('WAL up to %s belongs to timeline %i', (lsn, timeline) => {
  expect(timelineAt(parseLsn(lsn), asTimeline(7), history)).toBe(timeline)
})

test.each([
  ['0/1', '000000010000000000000000'],
  ['0/1000000', '000000010000000000000000'],
  ['0/1000001', '000000010000000000000001'],
  ['1/0', '0000000100000000000000FF'],
  ['1/1', '000000010000000100000000'],
  ['12/AB000001', '0000000100000012000000AB'],
])('the byte before %s lies in segment %s', (lsn, name) => {
  expect(segmentName(asTimeline(1), parseLsn(lsn), segmentBytes)).toBe(name)
})

test('the newest timeline with a file for the place wins, other places do not count', async () => {
  await place('000000010000000000000003')
  await place('000000050000000000000003')
  await place('00000005.history', '1\t0/1000000\treason\n')
  await place('000000060000000000000003.partial')
  await place('000000070000000000000004')
  expect(await newestTimelineAt(folder, parseLsn('0/3000148'), segmentBytes)).toBe(5)
  expect(await newestTimelineAt(folder, parseLsn('0/9000000'), segmentBytes)).toBeNull()
})

test('a segment whose timeline has no history yet does not count', async () => {
  await place('000000010000000000000003')
  await place('000000050000000000000003')
  await place('000000080000000000000003')
  await place('00000008.history', '')
  expect(await newestTimelineAt(folder, parseLsn('0/3000148'), segmentBytes)).toBe(1)
})

test('placeholders fill the gap below the wanted id and leave real files alone', async () => {
  await place('00000003.history', '1\t0/1000000\treason\n')
  await placePlaceholders(folder, asTimeline(1), asTimeline(5), null)
  await placePlaceholders(folder, asTimeline(1), asTimeline(5), null)
  expect((await readdir(path.join(folder, 'pg_wal'))).sort()).toEqual([
    '00000002.history',
    '00000003.history',
    '00000004.history',
  ])
  expect(await readHistory(folder, asTimeline(3))).toHaveLength(1)
  expect(await readHistory(folder, asTimeline(4))).toBeNull()
})

test('placeholders that no real history follows are removed, others stay', async () => {
  await place('00000002.history')
  await place('00000003.history', '1\t0/1000000\treason\n')
  await place('00000004.history')
  await place('00000005.history')
  expect(await removeLeftoverPlaceholders(folder)).toBe(2)
  expect((await readdir(path.join(folder, 'pg_wal'))).sort()).toEqual([
    '00000002.history',
    '00000003.history',
  ])
  expect(await removeLeftoverPlaceholders(folder)).toBe(0)
})

test('timeline 1 has no history file', async () => {
  expect(await readHistory(folder, asTimeline(1))).toEqual([])
})
