// Files that must be there after a power failure: written beside the old one, synced, renamed, and the
// directory synced too. Also the few small file operations that several adapters share.

import { randomBytes } from 'node:crypto'
import { chown, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'

export type FileOwner = { readonly uid: number; readonly gid: number }

export type AtomicWriteOptions = {
  /** Permission bits of the new file. */
  readonly mode: number
  /** Owner of the new file; null keeps the writer's. */
  readonly owner?: FileOwner | null
  /**
   * False: do not wait for the disk. For a file that is written anew before it matters again: after a
   * power failure it may be old or empty.
   */
  readonly isSynced?: boolean
}

/**
 * Replaces `file` by `content` so that a reader, also one after a power failure, sees either the old or
 * the new text, whole. Returns when file and directory are on disk, unless the options say otherwise.
 * @param content the text, or what makes it from the new file itself
 * @throws the error of the file system; the old file is then untouched
 */
export async function writeFileAtomic(
  file: string,
  content: string | ((file: FileHandle) => Promise<string>),
  options: AtomicWriteOptions,
): Promise<void> {
  // A name that nobody can guess, opened only if it is not there: in a folder of the database user, root
  // must not be led through a link.
  const { isSynced = true } = options
  const scratch = `${file}.new-${randomBytes(6).toString('hex')}`
  try {
    const handle = await open(scratch, 'wx', options.mode)
    try {
      await handle.chmod(options.mode)
      if (options.owner) await handle.chown(options.owner.uid, options.owner.gid)
      await handle.writeFile(typeof content === 'string' ? content : await content(handle))
      if (isSynced) await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(scratch, file)
  } catch (error) {
    await rm(scratch, { force: true })
    throw error
  }
  if (isSynced) await syncDirectory(path.dirname(file))
}

/** Makes names created, renamed or removed in `directory` survive a power failure. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The text of `file`, or null when there is no such file. */
export async function readFileIfPresent(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/**
 * Makes `directory` and its parents when missing. Not by Node's own `recursive`, which never returns where
 * a folder that exists refuses a new one as "not there", as /proc does (Node 20, MKDirpAsync).
 * @throws the error of the file system
 */
export async function makeFolders(directory: string, mode: number): Promise<void> {
  try {
    await mkdir(directory, { mode })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'EEXIST' && (await stat(directory)).isDirectory()) return
    const parent = path.dirname(directory)
    if (code !== 'ENOENT' || (await exists(parent))) throw error
    await makeFolders(parent, mode)
    await makeFolders(directory, mode)
  }
}

/** True when there is something of that name. @throws what keeps it from being known */
export async function exists(file: string): Promise<boolean> {
  try {
    await stat(file)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Makes `directory` (and its parents) when missing, and sets the mode and owner of the last one. */
export async function ensureDirectory(
  directory: string,
  mode: number,
  owner?: FileOwner | null,
): Promise<void> {
  await makeFolders(directory, mode)
  const handle = await open(directory, 'r')
  try {
    await handle.chmod(mode)
  } finally {
    await handle.close()
  }
  if (owner) await chown(directory, owner.uid, owner.gid)
}

/** True for the error of a file or directory that is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
