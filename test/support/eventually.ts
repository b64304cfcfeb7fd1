// Waiting for something that announces itself by no event: asked again and again, with an end.

import { setTimeout as pause } from 'node:timers/promises'

/**
 * Resolves when `condition` holds; what it throws goes to the caller at once.
 * @param what is to hold, for the message
 * @throws Error after `withinMs`
 */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<void> {
  const endsAtMs = performance.now() + withinMs
  while (!(await condition())) {
    if (performance.now() > endsAtMs) throw new Error(`not within ${withinMs} ms: ${what}`)
    await pause(20)
  }
}
