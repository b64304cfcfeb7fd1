// The options of a PostgreSQL that is rendered or configured and never started.

import type { PostgresOptions } from '../../src/adapters/postgres/options.ts'
import { asNodeName, type ClusterName } from '../../src/core/names.ts'
import { timingPlans } from '../../src/core/timing-plan.ts'

export const postgresOptions: PostgresOptions = {
  cluster: 'main' as ClusterName,
  node: asNodeName('pg-1'),
  nodeDirectory: '/var/lib/pgherd/pg-1',
  socketDirectory: '/run/pgherd/pg-1',
  host: '10.0.0.2',
  port: 5432,
  binaries: {
    directory: '/usr/lib/postgresql/15/bin',
    version: { major: 15, minor: 18 },
    warnings: [],
  },
  runAs: null,
  plan: timingPlans.balanced,
  secrets: { superuser: 's', pgherd: 'h', replication: 're:pl\\ica', app: 'a' },
  application: { database: 'app', user: 'app' },
  locale: 'C.UTF-8',
  encoding: 'UTF8',
  parameters: { work_mem: '64MB', max_connections: 300, jit: false, search_path: "it's" },
  slotCapMb: 4096,
  clusterHosts: ['10.0.0.1', '10.0.0.2'],
  allowFrom: ['samenet'],
}
