import { describe, expect, test } from 'vitest'
import { commandTable } from './command-table.ts'
import { renderCommandHelp, renderGroupHelp, renderProgramHelp } from './render-help.ts'
import { columnsOf, plainStyle } from './style.ts'

const tooWide = (lines: readonly string[], width: number): readonly string[] =>
  lines.filter((line) => columnsOf(line) > width)

describe.each([60, 80, 96])('%i columns', (width) => {
  test.each(commandTable.map((command) => [command.name, command] as const))(
    '%s: no line of its help is wider',
    (_name, command) => {
      expect(tooWide(renderCommandHelp(command, width, plainStyle), width)).toEqual([])
    },
  )

  test.each(['node', 'lab'])('the group %s', (first) => {
    expect(tooWide(renderGroupHelp(first, commandTable, width, plainStyle), width)).toEqual([])
  })

  test('the list of all commands', () => {
    expect(tooWide(renderProgramHelp(commandTable, width, plainStyle), width)).toEqual([])
  })
})

test('an example that is too long goes on behind a backslash, as a shell takes it', () => {
  const agent = commandTable.find((command) => command.name === 'agent')!
  const help = renderCommandHelp(agent, 60, plainStyle).join('\n')
  expect(help).toMatch(/ {2}\$ pgherd agent .* \\\n {6}\S/)
  expect(help.replaceAll(/ \\\n +/g, ' ')).toContain(agent.examples[0]!.line)
})
