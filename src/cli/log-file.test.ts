import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readNews, readTail } from './log-file.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'pgherd-log-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

test('the last lines of a file that is larger than a chunk', async () => {
  const file = path.join(folder, 'large.log')
  const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index} ${'ä'.repeat(5)}`)
  writeFileSync(file, `${lines.join('\n')}\n`)
  const { lines: found } = await readTail(file, 5_000)
  expect(found).toEqual(lines.slice(-5_000))
  expect((await readTail(file, 100_000)).lines).toHaveLength(20_000)
  expect((await readTail(file, 0)).lines).toEqual([])
})

test('what is appended, a line only when it is whole', async () => {
  const file = path.join(folder, 'growing.log')
  writeFileSync(file, 'one\nha')
  const tail = await readTail(file, 10)
  expect(tail.lines).toEqual(['one'])
  appendFileSync(file, 'lf\nthree\n')
  const news = await readNews(file, tail.position)
  expect(news.lines).toEqual(['half', 'three'])
  expect((await readNews(file, news.position)).lines).toEqual([])
})

test('a file that was rotated is read from its beginning', async () => {
  const file = path.join(folder, 'rotated.log')
  writeFileSync(file, 'old\n')
  const { position } = await readTail(file, 10)
  renameSync(file, `${file}.1`)
  writeFileSync(file, 'new\n')
  expect((await readNews(file, position)).lines).toEqual(['new'])
})

test('more news than one read takes come with the next ones', async () => {
  const file = path.join(folder, 'burst.log')
  writeFileSync(file, '')
  let { position } = await readTail(file, 10)
  appendFileSync(file, `${'x'.repeat(1000)}\n`.repeat(150))
  let count = 0
  for (let round = 0; round < 3; round += 1) {
    const news = await readNews(file, position)
    position = news.position
    count += news.lines.filter((line) => line.length === 1000).length
  }
  expect(count).toBe(150)
})

test('a missing file is an empty one', async () => {
  const tail = await readTail(path.join(folder, 'none.log'), 10)
  expect(tail.lines).toEqual([])
  expect((await readNews(path.join(folder, 'none.log'), tail.position)).lines).toEqual([])
})
