import { describe, expect, test } from 'vitest'
import { commandTable } from './command-table.ts'
import { type Candidates, completeWords } from './complete.ts'

function complete(line: string): Candidates {
  return completeWords(commandTable, line.split(' '))
}

function values(found: Candidates): readonly string[] {
  return found.kind === 'words' ? found.candidates.map(({ value }) => value) : []
}

describe('words', () => {
  test('first words: every command once, groups by their first word', () => {
    const first = values(complete(''))
    expect(first).toContain('status')
    expect(first.filter((word) => word === 'node')).toHaveLength(1)
    expect(values(complete('sw'))).toEqual(['switchover'])
  })
  test('second words of a group', () => {
    expect(values(complete('node '))).toEqual(['stop', 'start', 'kill', 'freeze', 'thaw'])
    expect(values(complete('node s'))).toEqual(['stop', 'start'])
  })
  test('a group says what it holds', () => {
    const found = complete('la')
    expect(found).toMatchObject({ candidates: [{ value: 'lab' }] })
    expect(found.kind === 'words' && found.candidates[0]?.description).toContain('heal, power-off')
  })
  test('options of the command and of all, without those that stand there', () => {
    expect(values(complete('switchover --d'))).toEqual(['--dry-run'])
    expect(values(complete('switchover --dry-run --d'))).toEqual([])
    expect(values(complete('status --j'))).toEqual(['--json'])
  })
  test('nothing after the last argument', () => {
    expect(complete('node stop pg-0 ')).toEqual({ kind: 'words', candidates: [] })
  })
})

describe('values that only the cluster or the shell knows', () => {
  test.each([
    ['node stop ', 'node-or-primary'],
    ['switchover --to ', 'candidate'],
    ['psql --node ', 'data-node-or-primary'],
    ['url --node ', 'data-node-or-primary'],
    ['render ', 'balancer'],
    ['lab cut ', 'lab-host'],
    ['lab heal pg-0 --from ', 'lab-hosts'],
    ['--json node kill ', 'node-or-primary'],
    ['--cluster main node stop ', 'node-or-primary'],
    ['status --cluster ', 'cluster'],
    ['why ', 'event'],
    ['up --spec ', 'file'],
    ['explain ', 'setting'],
    ['logs pg-0 pg-', 'node-or-primary'],
  ])('%s → %s', (line, completes) => {
    expect(complete(line)).toEqual({ kind: 'values', completes })
  })
  test('fixed values come from the table', () => {
    expect(complete('status --color ')).toMatchObject({ completes: ['auto', 'always', 'never'] })
    expect(complete('completion ')).toMatchObject({ completes: ['bash', 'zsh', 'fish'] })
  })
})
