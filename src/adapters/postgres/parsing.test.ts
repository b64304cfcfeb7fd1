// What the adapter reads from PostgreSQL's own programs and files.

import { expect, test } from 'vitest'
import { parseProgress } from './base-backup.ts'
import { findBinaries, parseVersion, warningsAbout } from './binaries.ts'
import { isCleanShutdown, parseControlData } from './controldata.ts'
import { parsePasswd } from './database-user.ts'
import { scramVerifier } from './initialise.ts'
import { classifyLogLine } from './log-watch.ts'
import { lastWords } from './tools.ts'

const controlText = `pg_control version number:            1300
Database system identifier:           7711014696884680626
Database cluster state:               shut down in recovery
Latest checkpoint's REDO location:    0/3000060
Latest checkpoint's TimeLineID:       1
Minimum recovery ending location:     0/5002A28
Min recovery ending loc's timeline:   5
Bytes per WAL segment:                16777216
Data page checksum version:           1
max_connections setting:              100
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           0
max_locks_per_xact setting:           64
`

test('pg_controldata', () => {
  const control = parseControlData(controlText)
  expect(control).toEqual({
    systemId: '7711014696884680626',
    state: 'shut down in recovery',
    timeline: 1,
    minRecoveryLsn: 0x5002a28,
    minRecoveryTimeline: 5,
    redoLsn: 0x3000060,
    hasChecksums: true,
    walSegmentBytes: 16_777_216,
    minimums: {
      max_connections: 100,
      max_worker_processes: 8,
      max_wal_senders: 10,
      max_prepared_transactions: 0,
      max_locks_per_transaction: 64,
    },
  })
  expect(isCleanShutdown(control)).toBe(true)
  expect(isCleanShutdown({ ...control, state: 'in production' })).toBe(false)
  expect(() => parseControlData('nothing')).toThrow(/system identifier/)
})

test.each([
  ['postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n', 15, 18],
  ['postgres (PostgreSQL) 18beta1', 18, 0],
])('version of %s', (text, major, minor) => {
  expect(parseVersion(text)).toEqual({ major, minor })
})

test('something that is no PostgreSQL has no version', () => {
  expect(() => parseVersion('GNU coreutils 9.1')).toThrow(RangeError)
})

test('minor releases without the fix of synchronous_standby_names are warned about', () => {
  expect(warningsAbout({ major: 15, minor: 12 })).toHaveLength(1)
  expect(warningsAbout({ major: 15, minor: 13 })).toEqual([])
  expect(warningsAbout({ major: 18, minor: 0 })).toEqual([])
  expect(warningsAbout({ major: 19, minor: 0 })[0]).toMatch(/newer than/)
})

test('a folder without PostgreSQL is named with what it lacks', async () => {
  await expect(findBinaries({ binDir: '/nonexistent', version: null })).rejects.toMatchObject({
    code: 'PGHERD_NO_POSTGRES',
    because: expect.stringContaining('pg_rewind') as string,
  })
})

test('/etc/passwd', () => {
  const text =
    'root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/sh\n'
  expect(parsePasswd(text, 'postgres')).toEqual({ name: 'postgres', uid: 101, gid: 104 })
  expect(parsePasswd(text, 'nobody')).toBeNull()
})

test('progress of pg_basebackup and pg_rewind', () => {
  expect(parseProgress(' 1024/30720 kB (3%), 0/1 tablespace')).toEqual({
    doneBytes: 1024 * 1024,
    totalBytes: 30720 * 1024,
  })
  expect(parseProgress('  513/ 1026 kB (50%) copied')).toEqual({
    doneBytes: 513 * 1024,
    totalBytes: 1026 * 1024,
  })
  expect(parseProgress('waiting for checkpoint')).toBeNull()
})

test('a SCRAM verifier as PostgreSQL makes it', () => {
  // Password, salt and keys of the example in RFC 7677.
  expect(scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  )
})

test.each([
  [
    '2026-11-22 FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000010000000000000002 has already been removed',
    'wal-removed',
  ],
  [
    '2026-11-22 15:00 UTC [7] app@app psql WARNING:  canceling wait for synchronous replication due to user request',
    'sync-wait-cancelled',
  ],
  [
    '2026-11-22 15:00 UTC [7] pgherd@postgres pgherd sync probe WARNING:  canceling the wait for synchronous replication and terminating connection due to administrator command',
    null,
  ],
  ['2026-11-22 LOG:  checkpoint starting: time', null],
])('log line %#', (line, finding) => {
  expect(classifyLogLine(line)).toBe(finding)
})

test('the last words of a tool', () => {
  expect(lastWords('a\nb\n\nc\r\nd\ne\n')).toBe('b | c | d | e')
  expect(lastWords('\n')).toBe('it said nothing')
})
