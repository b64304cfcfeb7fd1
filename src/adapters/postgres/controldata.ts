// What pg_controldata says about a data directory without a server.

import path from 'node:path'
import type { SystemId, TimelineId } from '../../core/names.ts'
import type { Lsn } from '../../core/lsn.ts'
import { parseLsn } from '../../core/lsn.ts'
import type { DatabaseUser } from './database-user.ts'
import { runTool } from './tools.ts'

export type ControlData = {
  readonly systemId: SystemId
  /** As PostgreSQL words it: `in production`, `shut down`, `in archive recovery` … */
  readonly state: string
  readonly timeline: TimelineId
  /** Replay must reach this before connections are accepted; zero when nothing is demanded. */
  readonly minRecoveryLsn: Lsn
  readonly minRecoveryTimeline: TimelineId
  readonly redoLsn: Lsn
  readonly hasChecksums: boolean
  readonly walSegmentBytes: number
  /** Settings of the primary that a standby must not undercut, by their names in postgresql.conf. */
  readonly minimums: Readonly<Record<string, number>>
}

const minimumLines: readonly (readonly [line: string, setting: string])[] = [
  ['max_connections setting', 'max_connections'],
  ['max_worker_processes setting', 'max_worker_processes'],
  ['max_wal_senders setting', 'max_wal_senders'],
  ['max_prepared_xacts setting', 'max_prepared_transactions'],
  ['max_locks_per_xact setting', 'max_locks_per_transaction'],
]

/** @throws PostgresError when the directory has no readable control file */
export async function readControlData(
  binDirectory: string,
  dataDirectory: string,
  runAs: DatabaseUser | null,
): Promise<ControlData> {
  const { stdout } = await runTool({
    program: path.join(binDirectory, 'pg_controldata'),
    args: ['-D', dataDirectory],
    runAs,
    signal: AbortSignal.timeout(10_000),
  })
  return parseControlData(stdout)
}

/** @throws RangeError when a line is missing */
export function parseControlData(text: string): ControlData {
  const fields = new Map<string, string>()
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  const read = (name: string): string => {
    const value = fields.get(name)
    if (value === undefined) throw new RangeError(`pg_controldata says nothing about "${name}"`)
    return value
  }
  return {
    systemId: read('Database system identifier') as SystemId,
    state: read('Database cluster state'),
    timeline: Number(read("Latest checkpoint's TimeLineID")) as TimelineId,
    minRecoveryLsn: parseLsn(read('Minimum recovery ending location')),
    minRecoveryTimeline: Number(read("Min recovery ending loc's timeline")) as TimelineId,
    redoLsn: parseLsn(read("Latest checkpoint's REDO location")),
    hasChecksums: read('Data page checksum version') !== '0',
    walSegmentBytes: Number(read('Bytes per WAL segment')),
    minimums: Object.fromEntries(
      minimumLines.map(([line, setting]) => [setting, Number(read(line))]),
    ),
  }
}

/** True when the last shutdown was clean, as a primary or as a standby. */
export function isCleanShutdown(control: ControlData): boolean {
  return control.state === 'shut down' || control.state === 'shut down in recovery'
}
