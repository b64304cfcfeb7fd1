import { expect, test } from 'vitest'
import {
  type Files,
  type RuleExamples,
  describeRules,
  placesOf,
} from '../../../test/support/lint-examples.ts'
import { scriptRules } from './script.ts'

function script(...lines: readonly string[]): Files {
  return { 'backup.sh': ['#!/bin/bash', ...lines, ''].join('\n') }
}

function settings(...lines: readonly string[]): Files {
  return { 'postgresql.conf': [...lines, ''].join('\n') }
}

const keeps = settings("archive_command = 'test ! -f /archive/%f && cp %p /archive/%f'")

const examples: RuleExamples = {
  L501: {
    bad: script(
      'ROOT=/bitnami/postgresql',
      'docker exec pg-0 pg_basebackup -U repmgr \\',
      '  -D "$ROOT/backup" -Ft',
    ),
    at: 'backup.sh:3',
    good: script('ROOT=/srv/backup', 'pg_basebackup -U repmgr -D "$ROOT/base" -Ft'),
  },
  L502: {
    bad: script('export PGPASSWORD="f3c1b2"'),
    at: 'backup.sh:2',
    good: script('export PGPASSWORD="$1"', 'export PGPASSFILE=/root/.pgpass', '# PGPASSWORD=abc'),
  },
  L503: {
    bad: script("PRIMARY=$(repmgr cluster show | grep primary | head -1 | awk '{print $3}')"),
    at: 'backup.sh:2',
    good: script("repmgr cluster show | grep 'primary | \\* running'"),
  },
  L504: {
    bad: settings('# archive_command = x', "archive_command = '/bin/true'"),
    at: 'postgresql.conf:2',
    good: keeps,
  },
  L505: {
    bad: settings("archive_command = 'cp %p /bitnami/postgresql/data/archive/%f'"),
    at: 'postgresql.conf:1',
    good: keeps,
  },
  L506: {
    bad: script('pg_basebackup -D /srv/backup', 'rm -rf /srv/old'),
    at: 'backup.sh:2',
    good: script('set -euo pipefail', 'pg_basebackup -D /srv/backup', 'rm -rf /srv/old'),
  },
  L507: { bad: settings('fsync = off'), at: 'postgresql.conf:1', good: settings('fsync = on') },
  L508: {
    bad: settings("archive_command = 'cp %p /archive/%f'"),
    at: 'postgresql.conf:1',
    good: keeps,
  },
  L510: {
    bad: settings('wal_level = replica', 'synchronous_commit = off'),
    at: 'postgresql.conf:2',
    good: settings('synchronous_commit = remote_apply', '#synchronous_commit = off'),
  },
  L509: {
    bad: script('pg_basebackup -D /srv/backup -X none'),
    at: 'backup.sh:2',
    good: script('pg_basebackup -D /srv/backup -X stream'),
  },
}

describeRules(scriptRules, examples)

test.each(['/bin/true', 'true', ':', 'exit 0', 'cd .', '', 'cp %p /dev/null'])(
  'L504: archive_command "%s" keeps nothing',
  (command) => {
    expect(placesOf('L504', settings(`archive_command = '${command}'`))).toHaveLength(1)
  },
)

test.each([
  'test ! -f /a/%f && cp %p /a/%f',
  'pgbackrest --stanza=a archive-push %p',
  'wal-g wal-push %p 2>/dev/null',
])('L504: "%s" does', (command) => {
  expect(placesOf('L504', settings(`archive_command = '${command}'`))).toEqual([])
  expect(placesOf('L505', settings(`archive_command = '${command}'`))).toEqual([])
})

test('L504: it does not matter while archiving is off', () => {
  expect(placesOf('L504', settings('archive_mode = off', "archive_command = ''"))).toEqual([])
})

test.each([
  [
    'in a compose file',
    'docker-compose.yml',
    'services:\n  a:\n    command: postgres -c archive_command=/bin/true -c fsync=on\n',
  ],
  [
    'in a list',
    'docker-compose.yml',
    'services:\n  a:\n    command: ["-c", "archive_command=/bin/true"]\n',
  ],
  ['in a script', 'a.sh', 'psql -c "alter system set archive_command to \'/bin/true\'"\n'],
  ['by a function', 'a.sh', 'postgresql_set_property "archive_command" "/bin/true"\n'],
  ['in the environment', '.env', 'POSTGRESQL_ARCHIVE_COMMAND=/bin/true\n'],
])('L504: %s', (_title, file, text) => {
  expect(placesOf('L504', { [file]: text })).toHaveLength(1)
})

test('L504: what the image does by itself', () => {
  const head = 'services:\n  pg-0:\n    image: bitnami/postgresql-repmgr:16\n'
  const file = 'docker-compose.yml'
  expect(placesOf('L504', { [file]: head })).toEqual([`${file}:3`])
  const mounted = `${head}    volumes: ['./conf:/bitnami/postgresql/conf/conf.d']\n`
  expect(placesOf('L504', { [file]: mounted })).toEqual([])
  expect(placesOf('L504', { [file]: head, ...keeps })).toEqual([])
})

test.each([
  ['pg_wal', 'cp %p pg_wal/archive/%f', 1],
  ['a relative path', 'cp %p archive/%f', 1],
  ['another host', 'rsync %p backup@host:archive/%f', 0],
  ['another disk', 'gzip < %p > /archive/%f.gz', 0],
])('L505: %s', (_title, command, count) => {
  expect(placesOf('L505', settings(`archive_command = '${command}'`))).toHaveLength(count)
})

test('L501: making a standby is no backup', () => {
  const files = script('pg_basebackup -h pg-0 -D /var/lib/postgresql/data -R -X stream')
  expect(placesOf('L501', files)).toEqual([])
})

test.each([
  [
    'in steps',
    ['repmgr cluster show > /tmp/nodes', "NODE=$(grep primary /tmp/nodes | cut -d'|' -f2)"],
    1,
  ],
  ['asks the node', ['repmgr cluster show | grep primary | grep running'], 0],
  ['no repmgr', ['grep primary /etc/nodes'], 0],
])('L503: %s', (_title, lines, count) => {
  expect(placesOf('L503', script(...lines))).toHaveLength(count)
})

test.each([
  ['docker run -e PGPASSWORD=f3c1b2 x', 1],
  ['psql postgresql://app:f3c1b2@db/app', 1],
  ['PGPASSWORD=${PGPASSWORD:-f3c1b2} psql', 1],
  ['psql "postgresql://app:$PW@db/app"', 0],
  ['PGPASSWORD=$(cat /run/secrets/pg) psql', 0],
  ['echo "write POSTGRES_PASSWORD=<your password> into .env"', 0],
])('L502: %s', (line, count) => {
  expect(placesOf('L502', script(line))).toHaveLength(count)
})

test.each(['full_page_writes off', 'FSYNC\toff # fast', "full_page_writes 'off'", '  fsync   off'])(
  'L507: postgresql.conf without an equals sign: %s',
  (line) => {
    expect(placesOf('L507', settings(line))).toEqual(['postgresql.conf:1'])
  },
)

test('L507: elsewhere words that follow each other are no setting', () => {
  expect(placesOf('L507', script('echo fsync off is dangerous'))).toEqual([])
})

test.each([
  ['in the environment', { '.env': 'POSTGRESQL_SYNCHRONOUS_COMMIT_MODE=off\n' }, 1],
  ['for every session', script('psql -c "alter system set synchronous_commit = off"'), 1],
  ['for a user', script('psql -c "ALTER ROLE app SET synchronous_commit TO off"'), 1],
  ['for one session', script('psql -c "set local synchronous_commit = off; copy t from stdin"'), 0],
  ['for one program', script('PGOPTIONS="-c synchronous_commit=off" pg_restore -d app x'), 0],
])('L510: %s', (_title, files, count) => {
  expect(placesOf('L510', files)).toHaveLength(count)
})
