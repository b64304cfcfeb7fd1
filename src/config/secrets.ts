// The cluster's secrets: one file of mode 0600 per secret in one folder. Made once, never printed. On
// several hosts the operator copies the folder.

import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, PgherdError } from '../lib/errors.ts'

export type Secrets = {
  /** Role `postgres`, for people. */
  readonly superuser: string
  /** Role `pgherd`, over the local socket only. */
  readonly pgherd: string
  /** Role for streaming, base backups and pg_rewind. */
  readonly replication: string
  /** The application's role. */
  readonly app: string
  /** Signs the calls between agents and of commands. */
  readonly api: string
  /** Opens HAProxy's statistics and metrics. Null in folders from before there was one. */
  readonly balancer: string | null
}

const files: Readonly<Record<keyof Secrets, string>> = {
  superuser: 'superuser.password',
  pgherd: 'pgherd.password',
  replication: 'replication.password',
  app: 'app.password',
  api: 'api.secret',
  balancer: 'balancer.password',
}

/** 24 random bytes: letters, digits, `-` and `_`, so that no file format needs quoting. */
function makeSecret(): string {
  return randomBytes(24).toString('base64url')
}

/**
 * Makes the secrets that are missing; what is there stays.
 * @returns whether any was missing
 * @throws the error of the file system
 */
export async function ensureSecrets(folder: string): Promise<boolean> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  let isChanged = false
  for (const name of Object.values(files)) {
    isChanged = (await ensureSecret(path.join(folder, name))) || isChanged
  }
  return isChanged
}

/**
 * Makes only what later versions have added and no database knows, in a folder that must be complete
 * otherwise.
 * @throws the error of the file system
 */
export async function ensureAddedSecrets(folder: string): Promise<void> {
  await ensureSecret(path.join(folder, files.balancer))
}

async function ensureSecret(file: string): Promise<boolean> {
  const known = await readFile(file, 'utf8').catch(() => '')
  if (known.trim() !== '') return false
  const fresh = `${file}.${String(process.pid)}`
  await writeFile(fresh, `${makeSecret()}\n`, { mode: 0o600 })
  await rename(fresh, file)
  return true
}

/** The libpq passfile for the application's role, beside the secrets. */
export function passFileIn(folder: string): string {
  return path.join(folder, 'app.pgpass')
}

/**
 * Writes the passfile when it is missing or old.
 * @returns whether it was
 * @throws PgherdError PGHERD_SECRETS
 */
export async function ensurePassFile(folder: string, user: string): Promise<boolean> {
  const { app } = await readSecrets(folder)
  const file = passFileIn(folder)
  const line = `*:*:*:${user}:${app}\n`
  if ((await readFile(file, 'utf8').catch(() => '')) === line) return false
  const fresh = `${file}.${String(process.pid)}`
  await writeFile(fresh, line, { mode: 0o600 })
  await rename(fresh, file)
  return true
}

/** The password of HAProxy's statistics; null when the folder has none. */
export async function readBalancerPassword(folder: string): Promise<string | null> {
  const text = await readFile(path.join(folder, files.balancer), 'utf8').catch(() => '')
  return text.trim() === '' ? null : text.trim()
}

/**
 * Everything in the folder. Only what no database and no agent depends on may be missing.
 * @throws PgherdError PGHERD_SECRETS when a file is missing, empty or not readable
 */
export async function readSecrets(folder: string): Promise<Secrets> {
  const read = async (name: string): Promise<string> => {
    const file = path.join(folder, name)
    try {
      const text = (await readFile(file, 'utf8')).trim()
      if (text === '') throw new Error('the file is empty')
      return text
    } catch (error) {
      throw new PgherdError({
        code: 'PGHERD_SECRETS',
        reason: 'configuration',
        message: `the secret ${file} cannot be read`,
        because: messageOf(error),
        hint: 'copy the folder secrets/ of the cluster, which the first host has, beside the spec file',
        cause: error,
      })
    }
  }
  return {
    superuser: await read(files.superuser),
    pgherd: await read(files.pgherd),
    replication: await read(files.replication),
    app: await read(files.app),
    api: await read(files.api),
    balancer: await readBalancerPassword(folder),
  }
}
