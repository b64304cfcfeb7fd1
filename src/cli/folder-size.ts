// How much is in a folder, for the question before it is removed.

import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'

/** Bytes of all files below `folder`; files that go away meanwhile or may not be read count nothing. */
export async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      const file = path.join(folder, entry.name)
      if (entry.isDirectory()) return folderBytes(file)
      if (!entry.isFile()) return 0
      const found = await stat(file).catch(() => null)
      return found?.size ?? 0
    }),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
