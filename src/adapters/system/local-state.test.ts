import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { asEpoch, asTimeline, type Incarnation, type SystemId } from '../../core/names.ts'
import type { Lsn } from '../../core/lsn.ts'
import { openLocalState, parseLocalState } from './local-state.ts'

let folder = ''
let file = ''
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgherd-'))
  file = path.join(folder, 'state.json')
})
afterEach(async () => {
  await chmod(folder, 0o700)
  await rm(folder, { recursive: true, force: true })
})

test('a node without a file knows nothing', async () => {
  const state = await openLocalState(file)
  expect(state.get()).toEqual({
    promise: null,
    incarnation: null,
    systemId: null,
    suspendedUntil: null,
    primaryEpoch: null,
  })
})

test('what was saved is there after a restart, and nobody else may read it', async () => {
  const state = await openLocalState(file)
  await state.save({
    promise: asEpoch(7),
    incarnation: 'pg-0-3f9ac2d1' as Incarnation,
    systemId: '7711014696884680626' as SystemId,
  })
  await state.save({ suspendedUntil: { timeline: asTimeline(3), lsn: 5_000_000_000 as Lsn } })
  const reopened = await openLocalState(file)
  expect(reopened.get()).toEqual(state.get())
  expect(reopened.get()).toMatchObject({ promise: 7, suspendedUntil: { lsn: 5_000_000_000 } })
  expect((await stat(file)).mode & 0o777).toBe(0o600)
})

test('a promise never goes down, nor away', async () => {
  const state = await openLocalState(file)
  await state.save({ promise: asEpoch(7) })
  await state.save({ promise: asEpoch(6), primaryEpoch: asEpoch(6) })
  await state.save({ promise: null })
  expect(state.get()).toMatchObject({ promise: 7, primaryEpoch: 6 })
  expect((await openLocalState(file)).get().promise).toBe(7)
})

test('saves at the same time are all kept', async () => {
  const state = await openLocalState(file)
  await Promise.all([
    state.save({ promise: asEpoch(9) }),
    state.save({ promise: asEpoch(3) }),
    state.save({ primaryEpoch: asEpoch(2) }),
  ])
  expect((await openLocalState(file)).get()).toMatchObject({ promise: 9, primaryEpoch: 2 })
})

test('what the disk refuses is not promised', async () => {
  const state = await openLocalState(path.join(folder, 'missing', 'state.json'))
  await expect(state.save({ promise: asEpoch(7) })).rejects.toMatchObject({
    code: 'PGHERD_STATE_UNWRITABLE',
  })
  expect(state.get().promise).toBeNull()
})

test.each([
  ['cut off', '{"format":1,"promise":'],
  ['empty', ''],
  ['another format', '{"format":2}'],
  ['a promise that is no number', withField('promise', 'seven')],
  ['a negative promise', withField('promise', -1)],
  ['an empty incarnation', withField('incarnation', '')],
  ['a suspension without timeline', withField('suspendedUntil', { lsn: 3 })],
  ['a missing field', '{"format":1,"promise":1}'],
])('a damaged file is an error that names it: %s', async (_what, text) => {
  await writeFile(file, text)
  await expect(openLocalState(file)).rejects.toMatchObject({
    code: 'PGHERD_STATE_CORRUPT',
    message: expect.stringContaining(file) as string,
  })
  expect(await readFile(file, 'utf8')).toBe(text)
})

function withField(name: string, value: unknown): string {
  const whole = {
    format: 1,
    promise: null,
    incarnation: null,
    systemId: null,
    suspendedUntil: null,
    primaryEpoch: null,
  }
  expect(() => parseLocalState(JSON.stringify(whole), 'f')).not.toThrow()
  return JSON.stringify({ ...whole, [name]: value })
}
