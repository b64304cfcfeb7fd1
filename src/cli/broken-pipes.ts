// Readers that go away before the program ends: `pgherd events | head`.

import type { EventEmitter } from 'node:events'

/**
 * Results that nobody wants end the program, which is no error. Messages that nobody reads do not: in the
 * middle of `pgherd destroy 2>&1 | head` the rest of the cluster must still be removed.
 * @param end ends the program at once
 */
export function endWithoutReader(
  streams: { readonly stdout: EventEmitter; readonly stderr: EventEmitter },
  end: () => void,
): void {
  const onBroken = (stream: EventEmitter, act: () => void) =>
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      act()
    })
  onBroken(streams.stdout, end)
  onBroken(streams.stderr, () => undefined)
}
