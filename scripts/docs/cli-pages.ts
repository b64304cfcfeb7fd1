// docs/cli/: one page per command, and the list of them, from the command table.

import { type Command, commandGroups, globalOptions } from '../../src/cli/command.ts'
import { exitReasonsOf, usageOf } from '../../src/cli/render-help.ts'
import { exitCodes, exitMeanings } from '../../src/lib/errors.ts'
import { code, generatedFrom, page, type Page, shellBlock, table } from './page.ts'

const source = generatedFrom('src/cli/command-table.ts')

export function cliPages(commands: readonly Command[]): readonly Page[] {
  return [indexPage(commands), ...commands.map(commandPage)]
}

function fileOf(command: Command): string {
  return `${command.name.replaceAll(' ', '-')}.md`
}

function indexPage(commands: readonly Command[]): Page {
  return page(
    'docs/cli/README.md',
    source,
    '# Commands',
    ...commandGroups.flatMap((group) => [
      `## ${group}`,
      table(
        ['Command', 'What it does'],
        commands
          .filter((command) => command.group === group)
          .map((command) => [`[${command.name}](${fileOf(command)})`, command.summary]),
      ),
    ]),
    '## Options of every command',
    table(
      ['Option', 'Meaning'],
      globalOptions.map((option) => [code(option.flags), option.description]),
    ),
    'Results go to stdout, progress and messages to stderr. With `--json` an error is a document on ' +
      'stdout too. Exit codes and error codes: [errors](../errors.md).',
  )
}

function commandPage(command: Command): Page {
  return page(
    `docs/cli/${fileOf(command)}`,
    source,
    `# pgherd ${command.name}`,
    `${capital(command.summary)}.`,
    shellBlock(usageOf(command)),
    ...command.description,
    ...(command.arguments.length === 0
      ? []
      : [
          '## Arguments',
          table(
            ['Argument', 'Meaning'],
            command.arguments.map((argument) => [
              code(argument.name),
              argument.description + (argument.isRequired ? ' (required)' : ''),
            ]),
          ),
        ]),
    ...(command.options.length === 0
      ? []
      : [
          '## Options',
          table(
            ['Option', 'Meaning'],
            command.options.map((option) => [code(option.flags), option.description]),
          ),
        ]),
    'Options of every command: [commands](README.md#options-of-every-command).',
    '## Examples',
    ...command.examples.map(
      (example) => `${asHeading(example.note)}\n\n${shellBlock(example.line)}`,
    ),
    '## Exit codes',
    table(
      ['Code', 'Meaning'],
      exitReasonsOf(command).map((reason) => [String(exitCodes[reason]), exitMeanings[reason]]),
    ),
  )
}

/** `In a script:`, but `Is it possible now?` */
function asHeading(note: string): string {
  return /[?!.:]$/.test(note) ? capital(note) : `${capital(note)}:`
}

function capital(text: string): string {
  return (text[0]?.toUpperCase() ?? '') + text.slice(1)
}
