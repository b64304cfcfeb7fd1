// A line file that cannot grow without limit: beyond its size it is renamed to `<name>.1`, `.1` to `.2`
// and so on. Writing is synchronous, so that the last line before a crash is there, and never throws.

import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'

export type RotatingFileOptions = {
  readonly file: string
  /** The file is rotated when the next line would make it larger than this. */
  readonly sizeMaxBytes: number
  /** How many old files are kept beside the present one. */
  readonly keepCount: number
}

export type RotatingFile = {
  /** Appends `line` (with its newline). What the disk refuses is lost, the caller goes on. */
  write(line: string): void
  close(): void
}

/** Opens `file` for appending, making its directory. */
export function openRotatingFile(options: RotatingFileOptions): RotatingFile {
  let descriptor: number | null = null
  let sizeBytes = 0

  const open = (): void => {
    mkdirSync(path.dirname(options.file), { recursive: true, mode: 0o750 })
    descriptor = openSync(options.file, 'a', 0o640)
    sizeBytes = fstatSync(descriptor).size
  }
  const close = (): void => {
    if (descriptor !== null) closeSync(descriptor)
    descriptor = null
  }
  const rotate = (): void => {
    close()
    rmSync(`${options.file}.${String(options.keepCount)}`, { force: true })
    for (let index = options.keepCount - 1; index >= 0; index -= 1) {
      const from = index === 0 ? options.file : `${options.file}.${String(index)}`
      try {
        renameSync(from, `${options.file}.${String(index + 1)}`)
      } catch {
        // That many old files do not exist yet.
      }
    }
    open()
  }

  return {
    write: (line) => {
      try {
        const lineBytes = Buffer.byteLength(line)
        if (descriptor === null) open()
        if (sizeBytes > 0 && sizeBytes + lineBytes > options.sizeMaxBytes) rotate()
        if (descriptor === null) return
        writeSync(descriptor, line)
        sizeBytes += lineBytes
      } catch {
        // A full or broken disk must not stop the agent; fencing does not depend on the log.
      }
    },
    close,
  }
}
