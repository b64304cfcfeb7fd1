// pgherd psql: a session through the stable address, without a password in sight of `ps`.

import { access, constants, readdir } from 'node:fs/promises'
import path from 'node:path'
import { PgherdError } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { addressOf } from '../connection.ts'
import { openCluster } from '../context.ts'
import { namedNodeOrPrimary } from '../named-node.ts'
import { tellNext } from '../next-line.ts'
import { runInForeground } from '../run-in-foreground.ts'
import type { Environment } from '../style.ts'

export const psqlCommand: Command = {
  name: 'psql',
  group: 'Connect',
  summary: 'open psql at the write or read endpoint',
  description: [
    'Options that pgherd does not know go to psql. The password travels in a pass file of mode 0600, ' +
      'never on a command line or in the environment. Any failure of psql ends with one exit code.',
  ],
  arguments: [
    {
      name: 'psql-options',
      description: 'handed to psql as they are',
      isRequired: false,
      isVariadic: true,
    },
  ],
  options: [
    { flags: '--read', description: 'the endpoint for reads' },
    {
      flags: '--node <name>',
      description: 'one node itself, past the balancer; `primary` for the one that is primary now',
      completes: 'data-node-or-primary',
    },
  ],
  takesForeignOptions: true,
  examples: [
    { line: 'pgherd psql', note: 'a session at the primary' },
    { line: "pgherd psql --read -Atc 'select pg_is_in_recovery()'", note: 'a query at a standby' },
  ],
  exits: ['postgres', 'configuration', 'system', 'noPrimary'],
  run: async (context, input) => {
    const cluster = await openCluster(context)
    const enter = cluster.clientWords()
    const node = input.text('node')
    const target = input.isSet('read') ? 'read' : 'write'
    const { host, port } = addressOf(
      cluster.layout,
      node === null ? target : { node: await namedNodeOrPrimary(cluster, node) },
    )
    const program = await findPsql(context.environment)
    const { user, database, passFile } = cluster.application
    const exitCode = await runInForeground(
      context,
      [
        ...enter,
        program,
        ...['-h', host, '-p', String(port), '-U', user, '-d', database],
        ...input.rest('psql-options'),
      ],
      {
        ...context.environment,
        PGPASSFILE: passFile,
        PGCONNECT_TIMEOUT: context.environment['PGCONNECT_TIMEOUT'] ?? '5',
        PGAPPNAME: context.environment['PGAPPNAME'] ?? 'pgherd psql',
      },
    )
    // psql's own code for a connection that failed or was lost; it has said so itself.
    if (exitCode === 2) tellNext(context.terminal, 'pgherd status')
    return exitCode === 0 ? 'done' : 'postgres'
  },
}

/**
 * psql on the PATH, or the newest one where Debian, Red Hat and the PostgreSQL packages keep it.
 * @throws PgherdError PGHERD_PSQL_MISSING
 */
async function findPsql(environment: Environment): Promise<string> {
  const onPath = (environment['PATH'] ?? '').split(path.delimiter).filter((one) => one !== '')
  const versioned = await Promise.all([
    versionFolders('/usr/lib/postgresql', (version) => `${version}/bin`),
    versionFolders('/usr', (version) => `${version}/bin`, /^pgsql-\d+$/),
  ])
  for (const folder of [...onPath, ...versioned.flat()]) {
    const program = path.join(folder, 'psql')
    try {
      await access(program, constants.X_OK)
      return program
    } catch {
      // Not in this folder: the next one is tried.
    }
  }
  throw new PgherdError({
    code: 'PGHERD_PSQL_MISSING',
    reason: 'system',
    message: 'psql was not found',
    because: 'it is neither on the PATH nor in /usr/lib/postgresql/*/bin',
    hint: 'install it (Debian: apt-get install postgresql-client), or connect with: pgherd url',
  })
}

async function versionFolders(
  parent: string,
  below: (version: string) => string,
  pattern = /^\d+$/,
): Promise<readonly string[]> {
  const names = await readdir(parent).catch(() => [])
  return names
    .filter((name) => pattern.test(name))
    .sort((left, right) => Number(right.replace(/\D/g, '')) - Number(left.replace(/\D/g, '')))
    .map((name) => path.join(parent, below(name)))
}
