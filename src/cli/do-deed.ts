// The frame of verbs that do one thing to a node or a host and say so in a sentence.

import { type CommandContext, printJson } from './context.ts'
import { tellNext } from './next-line.ts'
import { renderDuration } from './render-quantity.ts'

export type Deed = {
  readonly isChanged: boolean
  /** A sentence about what was done, or why nothing was to be done. */
  readonly message: string
}

/**
 * Does it, and tells it with how long it took, as JSON if that is wanted.
 * @param subject what it was done to, as fields of the JSON document
 * @param next command and comment of what one would do then
 */
export async function doDeed(
  context: CommandContext,
  subject: Readonly<Record<string, string>>,
  act: () => Promise<Deed>,
  next: readonly [string, string?],
): Promise<'done'> {
  const { terminal, services } = context
  const startedAtMs = services.clock.monotonicMs()
  const deed = await act()
  const tookMs = Math.round(services.clock.monotonicMs() - startedAtMs)
  if (context.isJson) {
    printJson(context, { version: 1, ...subject, ...deed, tookMs })
    return 'done'
  }
  const { messageStyle: style } = terminal
  const took = deed.isChanged ? ` (${renderDuration(tookMs)})` : ''
  terminal.tell(`${style.good(style.symbols.done)} ${deed.message}${took}`)
  tellNext(terminal, ...next)
  return 'done'
}
