// Whom PostgreSQL runs as. It refuses to run as root, so root drops to the database user.

import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { PgherdError } from '../../lib/errors.ts'

export type DatabaseUser = { readonly name: string; readonly uid: number; readonly gid: number }

/**
 * The user that PostgreSQL and its tools run as; null when that is ourselves.
 * @param name the account to use when this program runs as root
 * @throws PgherdError PGHERD_NO_DATABASE_USER when we are root and there is no such account
 */
export async function resolveDatabaseUser(name = 'postgres'): Promise<DatabaseUser | null> {
  if (process.getuid?.() !== 0) return null
  const user = parsePasswd(await readFile('/etc/passwd', 'utf8'), name)
  if (user !== null && user.uid !== 0) return user
  throw new PgherdError({
    code: 'PGHERD_NO_DATABASE_USER',
    reason: 'system',
    message: `PostgreSQL must not run as root, and there is no account ${name} to run it as`,
    hint: `create it (useradd --system ${name}) or start pgherd as an ordinary user`,
  })
}

/** One account of /etc/passwd; null when it has no such line. */
export function parsePasswd(text: string, name: string): DatabaseUser | null {
  for (const line of text.split('\n')) {
    const [account, , uid, gid] = line.split(':')
    if (account === name && uid !== undefined && gid !== undefined) {
      return { name, uid: Number(uid), gid: Number(gid) }
    }
  }
  return null
}

/**
 * Checks that `user` can enter every folder down to `directory`; root's home, for example, is closed.
 * @throws PgherdError PGHERD_DIRECTORY_CLOSED naming the folder that is in the way
 */
export async function assertReachable(directory: string, user: DatabaseUser | null): Promise<void> {
  if (user === null) return
  for (let folder = directory; ; folder = path.dirname(folder)) {
    const { mode, uid, gid } = await stat(folder)
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) {
      throw new PgherdError({
        code: 'PGHERD_DIRECTORY_CLOSED',
        reason: 'system',
        message: `the database user ${user.name} cannot enter ${folder}`,
        because: `${directory} lies below it, and PostgreSQL runs as ${user.name}`,
        hint: `choose a place that ${user.name} can reach (PGHERD_HOME, --data-dir), as /var/lib/pgherd`,
      })
    }
    if (folder === path.dirname(folder)) return
  }
}
