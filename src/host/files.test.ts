import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ensureDirectory, makeFolders, readFileIfPresent, writeFileAtomic } from './files.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgherd-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('a file is replaced as a whole, with the mode that was asked for, and nothing is left beside it', async () => {
  const file = path.join(folder, 'state')
  await writeFile(file, 'old, and longer')
  await chmod(file, 0o644)
  await writeFileAtomic(file, 'new', { mode: 0o600 })
  expect(await readFile(file, 'utf8')).toBe('new')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readdir(folder)).toEqual(['state'])
})

test('when writing fails, the old file and no other is there', async () => {
  const file = path.join(folder, 'state')
  await ensureDirectory(file, 0o700)
  await writeFile(path.join(file, 'inside'), '')
  // The target is a directory that is not empty: the rename fails after the scratch file was written.
  await expect(writeFileAtomic(file, 'new', { mode: 0o600 })).rejects.toThrow()
  expect(await readdir(folder)).toEqual(['state'])
})

test('a missing file is null, an unreadable one an error', async () => {
  expect(await readFileIfPresent(path.join(folder, 'none'))).toBeNull()
  await expect(readFileIfPresent(folder)).rejects.toThrow()
})

test('a directory gets its mode although the umask forbids it', async () => {
  const directory = path.join(folder, 'a', 'b')
  await ensureDirectory(directory, 0o711)
  await ensureDirectory(directory, 0o711)
  expect((await stat(directory)).mode & 0o777).toBe(0o711)
})

test('folders: made with their parents, there already is fine, a file in the way is an error', async () => {
  await makeFolders(path.join(folder, 'a', 'b', 'c'), 0o755)
  await makeFolders(path.join(folder, 'a', 'b', 'c'), 0o755)
  expect(await readdir(path.join(folder, 'a', 'b'))).toEqual(['c'])
  await writeFile(path.join(folder, 'file'), '')
  await expect(makeFolders(path.join(folder, 'file'), 0o755)).rejects.toThrow('EEXIST')
  await expect(makeFolders(path.join(folder, 'file', 'a'), 0o755)).rejects.toThrow('ENOTDIR')
})

test('folders: where nothing can be made although the parent is there → an error, not an endless loop', async () => {
  await expect(makeFolders('/proc/pgherd', 0o755)).rejects.toThrow('ENOENT')
  await expect(makeFolders('/proc/pgherd/a/b', 0o755)).rejects.toThrow('ENOENT')
})
