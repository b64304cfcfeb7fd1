// Reads the end of a log file, and goes on with what is appended. A file that was rotated is read anew.

import { open } from 'node:fs/promises'

const chunkBytes = 64 * 1024

export type LogTail = {
  readonly lines: readonly string[]
  /** Where to go on. */
  readonly position: LogPosition
}

export type LogPosition = { readonly inode: number; readonly offset: number; readonly rest: string }

/** The last `count` lines, and where they end. A missing file is an empty one. */
export async function readTail(file: string, count: number): Promise<LogTail> {
  const handle = await open(file, 'r').catch(() => null)
  if (handle === null) return { lines: [], position: { inode: 0, offset: 0, rest: '' } }
  try {
    const { size, ino } = await handle.stat()
    let start = size
    let text = Buffer.alloc(0)
    while (start > 0 && countLines(text) <= count) {
      const length = Math.min(chunkBytes, start)
      start -= length
      const chunk = Buffer.alloc(length)
      const { bytesRead } = await handle.read(chunk, 0, length, start)
      text = Buffer.concat([chunk.subarray(0, bytesRead), text])
    }
    const lines = text.toString('utf8').split('\n')
    const rest = lines.pop() ?? ''
    return {
      lines: count === 0 ? [] : lines.slice(-count),
      position: { inode: ino, offset: size, rest },
    }
  } finally {
    await handle.close()
  }
}

function countLines(text: Buffer): number {
  let count = 0
  for (const byte of text) if (byte === 10) count += 1
  return count
}

/** What was appended since `position`. */
export async function readNews(file: string, position: LogPosition): Promise<LogTail> {
  const handle = await open(file, 'r').catch(() => null)
  if (handle === null) return { lines: [], position }
  try {
    const { size, ino } = await handle.stat()
    const isRotated = ino !== position.inode || size < position.offset
    const offset = isRotated ? 0 : position.offset
    const chunk = Buffer.alloc(Math.min(size - offset, chunkBytes))
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, offset)
    const text = (isRotated ? '' : position.rest) + chunk.subarray(0, bytesRead).toString('utf8')
    const lines = text.split('\n')
    const rest = lines.pop() ?? ''
    return { lines, position: { inode: ino, offset: offset + bytesRead, rest } }
  } finally {
    await handle.close()
  }
}
