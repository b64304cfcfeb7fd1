// Reading what may be gone the next moment, as most of /proc may be.

import { readFileSync } from 'node:fs'

/** The text of a file; null when it cannot be read, whatever the reason. */
export function readTextOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
