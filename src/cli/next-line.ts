// The one line after a success that says what to do next.

import type { Terminal } from './terminal.ts'

/** Tells at most two commands, on stderr, so that pipes get results only. */
export function tellNext(terminal: Terminal, ...commands: readonly [string, string?]): void {
  const { messageStyle: style } = terminal
  const shown = commands.filter((one) => one !== undefined).map((one) => style.accent(one))
  terminal.tell('', `${style.bold('Next:')} ${shown.join('   or   ')}`)
}
