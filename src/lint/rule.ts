// What a rule is: data with a check. A rule speaks about one fault and says how to get rid of it.

import type { Deployment } from './deployment.ts'
import type { Place } from './source-text.ts'

/** `error`: lost data, no failover, or a door left open. `warning`: an outage in waiting. */
export type Severity = 'error' | 'warning' | 'info'

export const severities: readonly Severity[] = ['error', 'warning', 'info']

export type Facts = Readonly<Record<string, string | number | readonly string[]>>

/** One place where a rule is broken. */
export type Fault = {
  readonly place: Place
  /** One line that names the thing with its values; never a password. */
  readonly message: string
  /** The same for programs. */
  readonly facts: Facts
  /** A line to write that fits this place better than the rule's own. */
  readonly fix?: string
  /** Lines to write, where one is too little. */
  readonly snippet?: readonly string[]
}

export type Rule = {
  readonly id: `L${number}`
  readonly severity: Severity
  /** What is wrong, without a full stop. */
  readonly title: string
  /** What it leads to, one sentence. */
  readonly why: string
  /** What to write instead, one sentence or line. */
  readonly fix: string
  /** Pure; never throws. */
  readonly check: (deployment: Deployment) => readonly Fault[]
}

export function faultAt(place: Place, message: string, facts: Facts = {}, fix?: string): Fault {
  return { place, message, facts, ...(fix === undefined ? {} : { fix }) }
}

/** A message that names more is not read. */
const namesMax = 12

/**
 * Names as they stand in a message.
 * @param count how many there are, where `names` are only the first of them
 */
export function listed(names: readonly string[], count = names.length): string {
  const shown = names.slice(0, namesMax)
  const rest = count - shown.length
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ')
}

/** At most as many as a message names. */
export function firstOf<Thing>(
  things: readonly Thing[],
  isWanted: (thing: Thing) => boolean,
): readonly Thing[] {
  const found: Thing[] = []
  for (const thing of things) {
    if (found.length === namesMax) break
    if (isWanted(thing)) found.push(thing)
  }
  return found
}
