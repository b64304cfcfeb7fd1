import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { makeScratch } from '../../../test/support/stand-in-programs.ts'
import type { Scratch } from '../../../test/support/stand-in-programs.ts'
import { isTold, telling } from './told-config.ts'

let scratch: Scratch
let noteFile: string

beforeEach(async () => {
  scratch = await makeScratch()
  noteFile = path.join(scratch.directory, 'keepalived.conf.taken')
})
afterEach(() => scratch.remove())

it('told → known of this configuration alone', async () => {
  expect(await isTold(noteFile, 'one')).toBe(false)
  expect(await telling(noteFile, 'one', async () => 'pid')).toBe('pid')
  expect([await isTold(noteFile, 'one'), await isTold(noteFile, 'two')]).toEqual([true, false])
})

it('killed while it tells of another, which then is given up → told of the former again', async () => {
  await telling(noteFile, 'one', async () => undefined)
  await telling(noteFile, 'two', async () => {
    expect(await isTold(noteFile, 'one')).toBe(false)
    expect(await isTold(noteFile, 'two')).toBe(false)
  })
  const rejected = telling(noteFile, 'three', () => Promise.reject(new Error('it does not please')))
  await expect(rejected).rejects.toThrow('it does not please')
  expect(await isTold(noteFile, 'two')).toBe(false)
})
