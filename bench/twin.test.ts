import { describe, expect, test } from 'vitest'
import { parseSettings } from './twin.ts'

describe('twin', () => {
  test('postmaster.opts of a managed server → its settings, values with blanks included', () => {
    const commandLine =
      '/usr/lib/postgresql/15/bin/postgres "-D" "/x/pgdata" "-c" "port=5510" "-c" "fsync=on" "-c" "hba_file=/x y/pg_hba.conf"'
    expect(parseSettings(commandLine)).toEqual({
      port: '5510',
      fsync: 'on',
      hba_file: '/x y/pg_hba.conf',
    })
  })
})
