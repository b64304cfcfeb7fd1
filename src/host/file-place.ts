// Where a file lies, so that a copy of it is told from the file itself. A copy has the same content, but
// another time of birth; a rename keeps it.

import type { FileHandle } from 'node:fs/promises'
import { stat } from 'node:fs/promises'
import { isMissing } from './files.ts'

/** `INODE@NANOSECONDS OF BIRTH`. */
export type FilePlace = string

const unknownBirth = '0'

/** The place of `file`, or null when there is no such file. */
export async function placeOf(file: string | FileHandle): Promise<FilePlace | null> {
  try {
    const { ino, birthtimeNs } =
      typeof file === 'string'
        ? await stat(file, { bigint: true })
        : await file.stat({ bigint: true })
    return `${String(ino)}@${String(birthtimeNs)}`
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/**
 * Whether what lies at `now` was copied from what lay at `recorded`. The birth tells: a number is given
 * again to the next file as soon as one is removed, and some file systems number anew with each mount.
 * Where a file system knows no birth, nothing is told.
 */
export function isCopy(recorded: FilePlace, now: FilePlace): boolean {
  const [, birth] = recorded.split('@')
  const [, birthNow] = now.split('@')
  if (birth === unknownBirth || birthNow === unknownBirth) return false
  return birth !== birthNow
}
