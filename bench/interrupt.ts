// Ctrl-C in a measurement: nothing that it has brought up stays.

import { constants } from 'node:os'

type Ending = (signal: NodeJS.Signals) => Promise<void> | void

const endings: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM']

/**
 * Lets `clean` run when a person or a program ends this process, which then ends as the signal would have
 * ended it. A second signal while it cleans up is ignored.
 */
export function cleanUpOnInterrupt(clean: () => Promise<void>): void {
  let isCleaning = false
  onInterrupt(async (signal) => {
    if (isCleaning) return
    isCleaning = true
    process.stderr.write('\nInterrupted: what was brought up is being removed.\n')
    try {
      await clean()
    } finally {
      process.exit(128 + constants.signals[signal])
    }
  })
}

/** Leaves the end of this process to `ending`. */
export function onInterrupt(ending: Ending): void {
  for (const signal of endings) process.on(signal, () => void ending(signal))
}
