// Which configuration Keepalived was told to read. The file that it reads does not tell: an agent that is
// killed after it has written another one has perhaps not told it.

import { rm } from 'node:fs/promises'
import { readFileIfPresent, writeFileAtomic } from '../../host/files.ts'

/** Whether it was surely told of this one, and of no other since. */
export async function isTold(noteFile: string, config: string): Promise<boolean> {
  return (await readFileIfPresent(noteFile)) === config
}

/**
 * Notes that it was told. While it is being told, and when that fails, there is no note: whoever comes next
 * tells it again, also of the one before.
 * @param noteFile holds the configuration that it was told of last
 */
export async function telling<Told>(
  noteFile: string,
  config: string,
  tell: () => Promise<Told>,
): Promise<Told> {
  await rm(noteFile, { force: true })
  const told = await tell()
  await writeFileAtomic(noteFile, config, { mode: 0o640 })
  return told
}
