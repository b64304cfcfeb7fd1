// What set-up prints: progress lines with seconds, and errors of three lines
// (what happened, the cause, the next step). No dependencies: it runs before npm ci.

export const exitCode = { ok: 0, bug: 1, usage: 2, operatingSystem: 6 }

export class SetupError extends Error {
  constructor(what, cause, next, code = exitCode.operatingSystem) {
    super(what)
    this.name = 'SetupError'
    this.what = what
    this.causeText = cause
    this.next = next
    this.code = code
  }
}

// A reader that went away (`| head`) ends the printing, not the set-up.
process.stdout.on('error', () => {})

export function say(text) {
  process.stdout.write(`${text}\n`)
}

/** Runs one step and prints how long it took; the line stays one line when nothing else prints. */
export async function timed(title, run) {
  const startedAt = process.hrtime.bigint()
  say(`setup: ${title} …`)
  const value = await run()
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9
  say(`setup: ${title}: done (${seconds.toFixed(1)} s)`)
  return value
}

export function printError(error) {
  if (!(error instanceof SetupError)) throw error
  process.stderr.write(
    `setup: ${error.what}\n  cause: ${error.causeText}\n  next:  ${error.next}\n`,
  )
  process.exitCode = error.code
}

/** The last lines of a program's output: enough for a cause, never a screen full. */
export function lastLines(text, countMax = 4) {
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-countMax)
    .join('\n         ')
}
