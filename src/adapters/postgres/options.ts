// Everything the PostgreSQL adapter must be told, and where it keeps things.

import path from 'node:path'
import type { ClusterName, NodeName } from '../../core/names.ts'
import type { TimingPlan } from '../../core/timing-plan.ts'
import type { Binaries } from './binaries.ts'
import type { DatabaseUser } from './database-user.ts'

export type PostgresSecrets = {
  /** Role `postgres`, for people. */
  readonly superuser: string
  /** Role `pgherd`, over the local socket only. */
  readonly pgherd: string
  /** Role `pgherd_replication`: streaming, base backups, pg_rewind. */
  readonly replication: string
  /** The application's role. */
  readonly app: string
}

export type PostgresOptions = {
  readonly cluster: ClusterName
  readonly node: NodeName
  /** Holds everything of this node; made when missing. Absolute. */
  readonly nodeDirectory: string
  /** Unix socket of PostgreSQL; made when missing. Absolute, short (a socket's path has 107 bytes). */
  readonly socketDirectory: string
  /** Address to listen on. */
  readonly host: string
  readonly port: number
  /** From `findBinaries`. */
  readonly binaries: Binaries
  /** From `resolveDatabaseUser`; null when this program already is the database user. */
  readonly runAs: DatabaseUser | null
  readonly plan: TimingPlan
  readonly secrets: PostgresSecrets
  /** Made when the database system is made. */
  readonly application: { readonly database: string; readonly user: string }
  readonly locale: string
  readonly encoding: string
  /** Further settings of the operator; names that we manage are refused. */
  readonly parameters: Readonly<Record<string, string | number | boolean>>
  /** max_slot_wal_keep_size. */
  readonly slotCapMb: number
  /** Addresses from which other nodes stream, clone and rewind. */
  readonly clusterHosts: readonly string[]
  /** Networks from which clients come: CIDR, samehost, samenet or all. */
  readonly allowFrom: readonly string[]
}

export const roles = {
  superuser: 'postgres',
  pgherd: 'pgherd',
  replication: 'pgherd_replication',
} as const

/** Every path of a node directory. */
export type NodePaths = ReturnType<typeof nodePathsOf>

export function nodePathsOf(nodeDirectory: string) {
  const inNode = (...parts: readonly string[]): string => path.join(nodeDirectory, ...parts)
  return {
    nodeDirectory,
    data: inNode('pgdata'),
    /** A database system that is being made. */
    staging: inNode('pgdata.staging'),
    /** One that is complete, but not recorded in the store yet. */
    staged: inNode('pgdata.staged'),
    /** A clone that is being copied, or is complete and about to take its place. */
    clone: inNode('pgdata.clone'),
    /** The directory that a clone has replaced, kept until the clone streams. */
    replaced: inNode('pgdata.replaced'),
    /** Exists while pg_rewind changes the data directory. */
    rewindMark: inNode('pgdata.rewinding'),
    configuration: inNode('conf'),
    settings: inNode('conf', 'postgresql.conf'),
    dynamic: inNode('conf', 'dynamic.conf'),
    hba: inNode('conf', 'pg_hba.conf'),
    passfile: inNode('conf', 'passfile'),
    /** Of the WAL receiver alone. It is there only while an upstream is configured. */
    receiverPassfile: inNode('conf', 'receiver-passfile'),
    diverged: inNode('diverged'),
    logs: inNode('logs'),
    serverLog: inNode('logs', 'postgresql.log'),
  }
}
