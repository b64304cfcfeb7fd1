// Putting a clone in the place of the data directory: whole, or not at all.

import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DirectoryChangedError } from '../../ports/postgres.ts'
import { writeIdentity } from '../../host/node-identity.ts'
import { inspectDirectory, replaceByClone } from './data-directory.ts'
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

test('a copy that was put in the place of the own directory is seen', async () => {
  const tools = { paths, binDirectory: '/nowhere', runAs: null }
  await writeIdentity(paths.nodeDirectory, { cluster: 'main', node: 'pg-1', dataPlaces: null })
  await replaceByClone(paths, new AbortController().signal)
  await cp(paths.data, paths.staged, { recursive: true, preserveTimestamps: true })
  // Its control file cannot be read here, and that is all that is wrong with it.
  const own = await inspectDirectory(tools)
  expect(own.kind === 'broken' && own.why).not.toContain('a copy')
  await rm(paths.data, { recursive: true })
  await rename(paths.staged, paths.data)
  const copied = await inspectDirectory(tools)
  expect(copied).toEqual({ kind: 'broken', why: expect.stringContaining('it is a copy') as string })
})
