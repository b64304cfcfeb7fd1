// Command lines of the benches: `--name value`, checked, with a usage text.

import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { interrupts } from './interrupts.ts'

export type OptionDefinition = {
  readonly value: string
  readonly about: string
}

export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * Values of `--name value` for the named options, defaults filled in.
 * @throws UsageError for anything else on the command line, and for `--help` with the usage text
 */
export function readOptions<Name extends string>(
  program: string,
  definitions: Readonly<Record<Name, OptionDefinition>>,
  parameters: readonly string[],
): Readonly<Record<Name, string>> {
  const names = Object.keys(definitions) as Name[]
  const usage = [
    `npm run ${program} -- [options]`,
    ...names.map((name) => {
      const { about, value } = definitions[name]
      return `  --${name.padEnd(14)} ${about}${value === '' ? '' : ` (${value})`}`
    }),
  ].join('\n')
  if (parameters.includes('--help')) throw new UsageError(usage)
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]))
  let values: Record<string, unknown>
  try {
    values = parseArgs({ args: [...parameters], options }).values
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  }
  const read = (name: Name): string => {
    const given = values[name]
    return typeof given === 'string' ? given : definitions[name].value
  }
  return Object.fromEntries(names.map((name) => [name, read(name)])) as Record<Name, string>
}

/** @throws UsageError */
export function parseCount(name: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`--${name} must be a number above 0`)
  return Number(text)
}

/** Each of a comma-separated list, which must all be among `known`. @throws UsageError */
export function parseNames<Name extends string>(
  option: string,
  text: string,
  known: readonly Name[],
): readonly Name[] {
  return text.split(',').map((word) => {
    const found = known.find((name) => name === word.trim())
    if (found === undefined) {
      throw new UsageError(`--${option}: there is no "${word}", only ${known.join(', ')}`)
    }
    return found
  })
}

/** One of a few words. @throws UsageError */
export function parseChoice<Name extends string>(
  option: string,
  text: string,
  known: readonly Name[],
): Name {
  const [first] = parseNames(option, text, known)
  if (first === undefined) throw new UsageError(`--${option} must be one of ${known.join(', ')}`)
  return first
}

/** Writes a result for other programs. */
export async function writeJson(file: string, document: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(document, null, 2)}\n`)
}

/**
 * Runs a bench and sets the exit code: 0 sound, 1 a safety check failed or it could not be run, 2 wrong
 * usage. A target that was missed is shown in the result and is no failure. One that is interrupted takes
 * away what it has brought up and ends with 130 or 143.
 */
export async function runBench(main: () => Promise<boolean>): Promise<void> {
  interrupts.heed(process, {
    say: (line) => void process.stderr.write(`${line}\n`),
    exit: (code) => process.exit(code),
  })
  try {
    process.exitCode = (await main()) ? 0 : 1
  } catch (error) {
    // Whatever fails now does so because its cluster is being taken away.
    if (interrupts.signal.aborted) return
    process.exitCode = error instanceof UsageError ? 2 : 1
    const isUsage = error instanceof UsageError
    process.stderr.write(`${isUsage ? error.message : describe(error)}\n`)
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
