import { expect, test } from 'vitest'
import { renderLogLine } from './render-log.ts'
import { plainStyle } from './style.ts'

test.each([
  [
    'an entry of an agent',
    '{"level":"warn","time":"2026-03-09T14:03:07.512Z","node":"pg-0","msg":"slow","tookMs":812}',
    '14:03:07.512 warn  slow tookMs=812',
  ],
  [
    'a nested field',
    '{"level":"info","time":"2026-03-09T14:03:07.512Z","msg":"list","list":{"count":1}}',
    '14:03:07.512 info  list list={"count":1}',
  ],
  ['without a time', '{"level":"info","msg":"hello"}', 'info  hello'],
  [
    'an entry of etcd',
    '{"level":"warn","ts":"2026-03-09T14:03:07.512Z","caller":"x.go:1","msg":"slow fdatasync","took":"2s"}',
    '14:03:07.512 warn  slow fdatasync took=2s',
  ],
  [
    'an event of an agent',
    '{"id":"pg-0-7f61-2","kind":"promoted","message":"pg-0 was promoted.","atMs":1773064987512}',
    '14:03:07.512 event pg-0 was promoted.',
  ],
  ['text of PostgreSQL', '2026-03-09 LOG:  database system is ready', null],
  ['JSON of etcd without our fields', '{"zap":"x"}', null],
  ['half a line of JSON', '{"level":"info","ms', null],
  ['steering characters', '{"level":"info","msg":"a\\u001b[2Jb"}', 'info  a [2Jb'],
])('%s', (_title, line, expected) => {
  expect(renderLogLine(line, plainStyle)).toBe(expected ?? line)
})
