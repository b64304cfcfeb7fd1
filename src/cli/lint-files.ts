// Finds and reads the files for `pgherd lint`. What cannot be read is told beside what can.

import { type Stats } from 'node:fs'
import { readFile, readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { PgherdError } from '../lib/errors.ts'
import { extendedFilesOf } from '../lint/compose-bases.ts'
import { fileKindNames, isLikelyName, recogniseKind } from '../lint/recognise.ts'
import { type LintFile, type ReadProblem, isBinary } from '../lint/source-text.ts'

export type LintInput = {
  /** Those of a known kind and what they extend, by path. */
  readonly files: readonly LintFile[]
  readonly unreadable: readonly ReadProblem[]
}

/** Folders are searched this deep. */
const depthMax = 4
const fileCountMax = 500
/** Larger ones are logs or data. */
const fileSizeMaxBytes = 1024 * 1024

/** Folders that hold what others wrote, or the database itself. */
const skippedFolders = new Set([
  'node_modules',
  '.git',
  'data',
  'pgdata',
  'pg_wal',
  'dist',
  '.cache',
])

const kinds = Object.values(fileKindNames).join(', ')

/**
 * Reads the named files, and in the named folders those that lint knows.
 * @param signal ends it, by throwing its reason
 * @throws PgherdError PGHERD_LINT_PATH_UNKNOWN, PGHERD_LINT_KIND_UNKNOWN, PGHERD_LINT_NOTHING_FOUND
 */
export async function readLintFiles(
  paths: readonly string[],
  signal: AbortSignal,
): Promise<LintInput> {
  const files = new Map<string, LintFile>()
  const unreadable: ReadProblem[] = []
  const complain = (file: string, message: string) => {
    const isKnown = unreadable.some((one) => one.place.file === file && one.message === message)
    if (!isKnown) unreadable.push({ place: { file, line: 1 }, message })
  }
  for (const named of paths.map(shownPath)) {
    const stats = await statOf(named)
    if (stats.isDirectory()) {
      const found = await likelyFiles(named, complain, signal)
      for (const file of found.slice(0, fileCountMax)) await add(file)
      if (found.length > fileCountMax)
        complain(named, `only ${fileCountMax} of its files were looked at`)
      continue
    }
    const text = await textOf(named, stats, complain)
    if (text === null) continue
    if (recogniseKind({ path: named, text }) === null) throw unknownKind(named)
    await keep({ path: named, text })
    // Compose fills in variables from there, whether it was named or not.
    const beside = path.join(path.dirname(named), '.env')
    if (recogniseKind({ path: named, text }) === 'compose' && (await isFile(beside)))
      await add(beside)
  }
  if (files.size === 0 && unreadable.length === 0) throw nothingFound(paths)
  return {
    files: [...files.values()].sort((left, right) => (left.path < right.path ? -1 : 1)),
    unreadable,
  }

  async function add(file: string): Promise<void> {
    signal.throwIfAborted()
    if (files.has(file)) return
    const text = await textOf(file, await statOf(file), complain)
    if (text !== null && recogniseKind({ path: file, text }) !== null)
      await keep({ path: file, text })
  }

  /** With the files whose services it extends, which may be of no kind by themselves. */
  async function keep(file: LintFile): Promise<void> {
    files.set(file.path, file)
    for (const extended of extendedFilesOf(file).map(shownPath)) {
      signal.throwIfAborted()
      if (files.has(extended) || files.size >= fileCountMax || !(await isFile(extended))) continue
      const text = await textOf(extended, await statOf(extended), complain)
      if (text !== null) await keep({ path: extended, text })
    }
  }
}

async function isFile(file: string): Promise<boolean> {
  return (await stat(file).catch(() => null))?.isFile() === true
}

type Complain = (file: string, message: string) => void

function shownPath(named: string): string {
  const normal = path.normalize(named).replaceAll(path.sep, '/')
  return normal.length > 1 ? normal.replace(/\/$/, '') : normal
}

async function statOf(named: string): Promise<Stats> {
  try {
    return await stat(named)
  } catch (error) {
    throw new PgherdError({
      code: 'PGHERD_LINT_PATH_UNKNOWN',
      reason: 'usage',
      message: `${named} cannot be examined`,
      because: reasonOf(error),
      hint: 'name files, or a folder with files of the cluster: pgherd lint FOLDER',
      cause: error,
    })
  }
}

async function textOf(named: string, stats: Stats, complain: Complain): Promise<string | null> {
  if (!stats.isFile()) throw unknownKind(named)
  if (stats.size > fileSizeMaxBytes) {
    complain(named, 'it is larger than 1 MB and was not read')
    return null
  }
  try {
    const text = await readFile(named, 'utf8')
    const isOurs = recogniseKind({ path: named, text: '' }) !== null
    if (!isOurs || !isBinary(text)) return text
    complain(named, 'it is no text')
    return null
  } catch (error) {
    complain(named, `it cannot be read: ${reasonOf(error)}`)
    return null
  }
}

/** Files whose name may be one of ours, by path. */
async function likelyFiles(
  folder: string,
  complain: Complain,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found: string[] = []
  await search(folder, 0)
  return found.sort()

  async function search(inside: string, depth: number): Promise<void> {
    signal.throwIfAborted()
    if (found.length > fileCountMax) return
    const entries = await readdir(inside, { withFileTypes: true }).catch((error: unknown) => {
      complain(inside, `the folder cannot be read: ${reasonOf(error)}`)
      return []
    })
    // A data directory: nothing in it was written by hand, but its configuration.
    const isDatabase = entries.some(({ name }) => name === 'PG_VERSION')
    for (const entry of entries) {
      const file = shownPath(`${inside}/${entry.name}`)
      if (entry.isDirectory()) {
        const isSkipped = isDatabase || skippedFolders.has(entry.name) || depth >= depthMax
        if (!isSkipped) await search(file, depth + 1)
      } else if (isLikelyName(file) && (entry.isFile() || (await isLinkToFile(file, complain))))
        found.push(file)
    }
  }
}

async function isLinkToFile(file: string, complain: Complain): Promise<boolean> {
  const stats = await stat(file).catch((error: unknown) => {
    const isOurs = recogniseKind({ path: file, text: '' }) !== null
    if (isOurs) complain(file, `it cannot be read: ${reasonOf(error)}`)
    return null
  })
  return stats?.isFile() === true
}

function unknownKind(named: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_LINT_KIND_UNKNOWN',
    reason: 'usage',
    message: `${named} is no file that lint knows`,
    because: `it knows ${kinds}`,
    hint: 'give the file its usual name, or leave it out',
  })
}

function nothingFound(paths: readonly string[]): PgherdError {
  return new PgherdError({
    code: 'PGHERD_LINT_NOTHING_FOUND',
    reason: 'usage',
    message: `there is nothing to examine in ${paths.join(', ')}`,
    because: `lint looks for ${kinds}, not deeper than ${depthMax} folders`,
    hint: 'name the files, or the folder that holds them: pgherd lint FOLDER',
  })
}

function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file or folder'
  if (code === 'ELOOP') return 'its symbolic links lead in a circle'
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied'
  return typeof code === 'string' ? code : String(error)
}
