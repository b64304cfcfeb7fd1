// Putting a clone in the place of the data directory: whole, or not at all.

import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DirectoryChangedError } from '../../ports/postgres.ts'
import { replaceByClone } from './data-directory.ts'
import { nodePathsOf, type NodePaths } from './options.ts'

let paths: NodePaths

beforeEach(async () => {
  paths = nodePathsOf(await mkdtemp(path.join(tmpdir(), 'pgherd-directory-')))
  for (const [directory, content] of [
    [paths.data, 'old'],
    [paths.clone, 'copy'],
  ] as const) {
    await mkdir(directory)
    await writeFile(path.join(directory, 'PG_VERSION'), content)
  }
})
afterEach(() => rm(paths.nodeDirectory, { recursive: true, force: true }))

const contentOf = (directory: string): Promise<string> =>
  readFile(path.join(directory, 'PG_VERSION'), 'utf8')

describe('a complete clone', () => {
  test('takes the place of the data directory, which is kept aside', async () => {
    await replaceByClone(paths, new AbortController().signal)
    expect(await contentOf(paths.data)).toBe('copy')
    expect(await contentOf(paths.replaced)).toBe('old')
    expect(await readdir(paths.data)).toEqual(['PG_VERSION'])
  })

  test('aborted before it begins → nothing is replaced', async () => {
    await expect(replaceByClone(paths, AbortSignal.abort())).rejects.toMatchObject({
      kind: 'timeout',
    })
    expect(await contentOf(paths.data)).toBe('old')
  })

  test('aborted at the last instant → nothing is replaced, and nobody finds a complete copy', async () => {
    const controller = new AbortController()
    const replacing = replaceByClone(paths, controller.signal)
    controller.abort()
    await expect(replacing).rejects.toMatchObject({ kind: 'timeout' })
    expect(await contentOf(paths.data)).toBe('old')
    expect(await readdir(paths.clone)).toEqual(['PG_VERSION'])
  })

  test('a replacement that fails on the way → the directory counts as another', async () => {
    const nowhere = path.join(paths.nodeDirectory, 'nowhere', 'pgdata.replaced')
    const replacing = replaceByClone({ ...paths, replaced: nowhere }, new AbortController().signal)
    await expect(replacing).rejects.toBeInstanceOf(DirectoryChangedError)
  })
})
