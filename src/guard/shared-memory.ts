// The shared memory files of a postmaster. One that is killed leaves them in /dev/shm until a server is
// started in the same directory again; a cluster that is destroyed instead would leave them for ever.
// Everything here is asynchronous: the memory map of a process on a hung disk may not be readable.

import { readFile, rm } from 'node:fs'

/**
 * Tells what `pid` has mapped now; nothing when its memory map cannot be read. Knows nothing of what
 * parallel queries use for a moment.
 */
export function findSharedMemory(
  pid: number,
  onAnswer: (files: ReadonlySet<string>) => void,
): void {
  readFile(`/proc/${pid}/maps`, 'utf8', (error, text) => {
    onAnswer(new Set(error === null ? parseSharedMemory(text) : []))
  })
}

/** The PostgreSQL segments that a process's memory map names. */
export function parseSharedMemory(maps: string): readonly string[] {
  return [...new Set(maps.match(/\/dev\/shm\/PostgreSQL\.\d+/g))]
}

/** To be called when no process uses them any more. What is gone already is no matter. */
export function removeSharedMemory(files: ReadonlySet<string>): void {
  for (const file of files) rm(file, { force: true }, () => undefined)
}
