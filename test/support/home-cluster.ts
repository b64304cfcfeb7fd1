// The cluster in the home of a test, asked from this process: its description, its status, its rows.

import { Client } from 'pg'
import { observeCluster } from '../../src/cli/observe-cluster.ts'
import type { ClusterStatus } from '../../src/core/cluster-status.ts'
import type { RuntimeCluster } from '../../src/runtimes/runtime.ts'
import { createRuntime } from '../../src/wiring.ts'
import type { Home } from './run-pgherd.ts'

/** @param name null: the only cluster there */
export function openCluster(home: Home, name: string | null = null): Promise<RuntimeCluster> {
  return createRuntime({ PGHERD_HOME: home.directory }).open(name)
}

/** What `pgherd status` would say. */
export async function readStatus(home: Home): Promise<ClusterStatus> {
  const cluster = await openCluster(home)
  return (await observeCluster(cluster, cluster.connect())).status
}

/**
 * Rows of one statement as the application, through the endpoint for writes.
 * @throws Error of pg, also when the session is cut: then the statement was perhaps carried out
 */
export async function queryCluster(
  home: Home,
  sql: string,
): Promise<readonly Record<string, unknown>[]> {
  const { layout, application } = await openCluster(home)
  const client = new Client({
    host: '127.0.0.1',
    port: layout.endpoints.write?.port,
    database: application.database,
    user: application.user,
    password: await application.readPassword(),
    connectionTimeoutMillis: 5000,
  })
  // A session that is cut fails the query; without a listener it would end the whole run as well.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}
