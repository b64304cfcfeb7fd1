// pgherd help: about a command, or about the code of an error.

import { closest } from '../../config/closest.ts'
import { PgherdError, exitCodes, exitMeanings } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { type CommandContext, printJson } from '../context.ts'
import { errorCatalogue } from '../error-catalogue.ts'
import type { ErrorHelp } from '../error-help.ts'
import { renderCommandHelp, renderGroupHelp, renderProgramHelp } from '../render-help.ts'
import { wrap, wrapIndented } from '../render-table.ts'

export const helpCommand: Command = {
  name: 'help',
  group: 'More',
  summary: 'explain a command or the code of an error',
  description: ['Without a topic it lists the commands. Codes stand at the end of each error.'],
  arguments: [
    {
      name: 'topic',
      description: 'a command (`node stop`) or a code (`PGHERD_PORT_TAKEN`)',
      isRequired: false,
      isVariadic: true,
      completes: 'code',
    },
  ],
  options: [],
  examples: [
    { line: 'pgherd help switchover', note: 'the same as pgherd switchover --help' },
    { line: 'pgherd help PGHERD_REFUSED', note: 'what the error means and what to do' },
  ],
  exits: [],
  run: (context, input) => {
    const { terminal, commands } = context
    const topic = input.rest('topic').join(' ')
    if (topic === '') {
      terminal.print(...renderProgramHelp(commands, terminal.width, terminal.style))
      return Promise.resolve('done')
    }
    const command = commands.find((one) => one.name === topic)
    const isGroup = commands.some((one) => one.name.startsWith(`${topic} `))
    if (command !== undefined) {
      terminal.print(...renderCommandHelp(command, terminal.width, terminal.style))
    } else if (isGroup) {
      terminal.print(...renderGroupHelp(topic, commands, terminal.width, terminal.style))
    } else {
      showCode(context, topic)
    }
    return Promise.resolve('done')
  },
}

const codePrefix = 'PGHERD_'

/** @throws PgherdError PGHERD_TOPIC_UNKNOWN */
function showCode(context: CommandContext, topic: string): void {
  const bare = topic.toUpperCase().replaceAll('-', '_')
  const code = bare.startsWith(codePrefix) ? bare : codePrefix + bare
  const help = errorCatalogue.find((one) => one.code === code)
  if (help === undefined) throw unknownTopic(topic, code, context.commands)
  if (context.isJson) printJson(context, { version: 1, ...help, exitCode: exitCodes[help.reason] })
  else context.terminal.print(...renderErrorHelp(help, context.terminal))
}

function renderErrorHelp(
  help: ErrorHelp,
  { width, style }: CommandContext['terminal'],
): readonly string[] {
  const columns = Math.min(width, 96)
  return [
    style.bold(help.code),
    style.dim(`exit code ${exitCodes[help.reason]}: ${exitMeanings[help.reason]}`),
    '',
    ...wrap(help.meaning, columns),
    '',
    style.accent('What to do'),
    ...help.remedies.flatMap((remedy) =>
      wrapIndented(`${style.symbols.bullet} ${remedy}`, columns, '  '),
    ),
  ]
}

function unknownTopic(topic: string, code: string, commands: readonly Command[]): PgherdError {
  const names = commands.map((command) => command.name)
  // The part that all codes share says nothing about what was meant.
  const bare = code.replace(codePrefix, '')
  const nearest = closest(
    bare,
    errorCatalogue.map((one) => one.code.replace(codePrefix, '')),
  )
  const asSecondWord = names.find((name) => name.endsWith(` ${topic}`))
  const meant =
    asSecondWord ?? closest(topic, names) ?? (nearest === null ? null : codePrefix + nearest)
  return new PgherdError({
    code: 'PGHERD_TOPIC_UNKNOWN',
    reason: 'usage',
    message: `there is no help about "${topic}"`,
    ...(meant === null ? {} : { because: `did you mean "${meant}"?` }),
    hint: 'see the commands: pgherd help; codes stand at the end of each error',
  })
}
