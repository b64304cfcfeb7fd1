// Makes a new database system with its roles, beside the final place. No server listens meanwhile: the
// roles are made in single-user mode, so nobody can get in before the passwords are set.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import path from 'node:path'
import { rename, rm } from 'node:fs/promises'
import type { SystemId } from '../../core/names.ts'
import { syncDirectory } from '../../host/files.ts'
import { PostgresError } from '../../ports/postgres.ts'
import { readControlData } from './controldata.ts'
import { makeEmptyFolder } from './data-directory.ts'
import { nodePathsOf, roles, type PostgresOptions } from './options.ts'
import { lastWords, runTool } from './tools.ts'

/**
 * initdb with checksums, roles, the application's database; everything synced.
 * @returns the identifier of the new system
 * @throws PostgresError
 */
export async function initialiseStaged(
  options: PostgresOptions,
  deadlineMs: number,
): Promise<SystemId> {
  const { nodeDirectory, staging, staged } = nodePathsOf(options.nodeDirectory)
  const { runAs, binaries } = options
  const signal = AbortSignal.timeout(deadlineMs)
  await makeEmptyFolder(staging, runAs)
  try {
    await runInitdb(options, staging, signal)
    await runSingleUser(options, staging, renderRoles(options), signal)
    await runTool({
      program: path.join(binaries.directory, 'initdb'),
      args: ['--sync-only', '-D', staging],
      runAs,
      signal,
    })
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    throw error
  }
  await rm(staged, { recursive: true, force: true })
  await rename(staging, staged)
  await syncDirectory(nodeDirectory)
  return (await readControlData(binaries.directory, staged, runAs)).systemId
}

async function runInitdb(
  options: PostgresOptions,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const locale =
    options.locale === 'C' || options.locale === 'POSIX'
      ? ['--no-locale']
      : [`--locale=${options.locale}`]
  await runTool({
    program: path.join(options.binaries.directory, 'initdb'),
    args: [
      '-D',
      directory,
      '--data-checksums',
      `--encoding=${options.encoding}`,
      ...locale,
      `--username=${roles.superuser}`,
      // pg_hba.conf is ours; this only keeps initdb's own from being open.
      '--auth=reject',
      '--no-sync',
    ],
    runAs: options.runAs,
    signal,
  })
}

/** Each statement on one line, as single-user mode wants them. */
function renderRoles(options: PostgresOptions): readonly string[] {
  const { secrets, application } = options
  const database = quoteName(application.database)
  const user = quoteName(application.user)
  const rewindFunctions = [
    'pg_ls_dir(text, boolean, boolean)',
    'pg_stat_file(text, boolean)',
    'pg_read_binary_file(text)',
    'pg_read_binary_file(text, bigint, bigint, boolean)',
  ]
  return [
    `alter role ${roles.superuser} password '${scramVerifier(secrets.superuser)}'`,
    `create role ${roles.pgherd} superuser login password '${scramVerifier(secrets.pgherd)}'`,
    `create role ${roles.replication} replication login password '${scramVerifier(secrets.replication)}'`,
    ...rewindFunctions.map(
      (signature) => `grant execute on function ${signature} to ${roles.replication}`,
    ),
    // pg_rewind needs a checkpoint on the source's present timeline; from 15 on this can be allowed.
    ...(options.binaries.version.major >= 15
      ? [`grant pg_checkpoint to ${roles.replication}`]
      : []),
    ...(application.user === roles.superuser
      ? []
      : [`create role ${user} login password '${scramVerifier(secrets.app)}'`]),
    ...(application.database === 'postgres' ? [] : [`create database ${database} owner ${user}`]),
  ]
}

async function runSingleUser(
  options: PostgresOptions,
  directory: string,
  statements: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { stderr } = await runTool({
    program: path.join(options.binaries.directory, 'postgres'),
    args: [
      '--single',
      '-D',
      directory,
      '-c',
      'fsync=off',
      '-c',
      'log_min_messages=error',
      'postgres',
    ],
    runAs: options.runAs,
    signal,
    stdin: `${statements.join('\n')}\n`,
  })
  // Single-user mode goes on after an error and ends with 0.
  if (/\b(?:ERROR|FATAL|PANIC):/.test(stderr)) {
    throw new PostgresError('failed', `the roles could not be made: ${lastWords(stderr)}`)
  }
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

const scramIterations = 4096

/** What PostgreSQL stores for a SCRAM password, so that the password itself reaches no server log. */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, scramIterations, 32, 'sha256')
  const keyOf = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(keyOf('Client Key')).digest('base64')
  const serverKey = keyOf('Server Key').toString('base64')
  return `SCRAM-SHA-256$${String(scramIterations)}:${salt.toString('base64')}$${storedKey}:${serverKey}`
}
