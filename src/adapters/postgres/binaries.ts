// Where PostgreSQL's programs are, and whether we may use them.

import { access, constants, readdir } from 'node:fs/promises'
import path from 'node:path'
import { PgherdError } from '../../lib/errors.ts'
import { runTool } from './tools.ts'

export type ServerVersion = { readonly major: number; readonly minor: number }

export type Binaries = {
  readonly directory: string
  readonly version: ServerVersion
  /** Sentences for the log: the version works, but something in it is known to be wrong. */
  readonly warnings: readonly string[]
}

export type BinariesWanted = {
  /** Folder from the spec; null: look for one. */
  readonly binDir: string | null
  /** Major version from the spec; null: the newest. */
  readonly version: number | null
}

export const oldestMajor = 14
export const newestMajor = 18

// The first minor releases in which a new server process reads synchronous_standby_names before it may
// commit without waiting (safety.md 2.5: to be verified in the release notes). Newer majors have it.
const syncRaceFixedIn: ReadonlyMap<number, number> = new Map([
  [14, 18],
  [15, 13],
  [16, 9],
  [17, 5],
])

const neededPrograms = [
  'postgres',
  'initdb',
  'pg_basebackup',
  'pg_rewind',
  'pg_controldata',
  'pg_verifybackup',
  'pg_waldump',
] as const

/**
 * Finds a folder with all programs we need and checks their version.
 * @throws PgherdError PGHERD_NO_POSTGRES, PGHERD_POSTGRES_VERSION
 */
export async function findBinaries(wanted: BinariesWanted): Promise<Binaries> {
  const candidates = wanted.binDir === null ? await candidateFolders() : [wanted.binDir]
  const versions: string[] = []
  for (const directory of candidates) {
    const missing = await missingPrograms(directory)
    if (missing.length > 0) {
      if (wanted.binDir !== null) throw incomplete(directory, missing)
      continue
    }
    const version = await readVersion(directory)
    versions.push(`${String(version.major)}.${String(version.minor)} in ${directory}`)
    if (wanted.version !== null && version.major !== wanted.version) continue
    if (version.major < oldestMajor) continue
    return { directory, version, warnings: warningsAbout(version) }
  }
  throw notFound(wanted, versions)
}

async function candidateFolders(): Promise<readonly string[]> {
  const debianRoot = '/usr/lib/postgresql'
  const majors = await readdir(debianRoot).catch(() => [])
  const debian = majors
    .filter((name) => /^\d+$/.test(name))
    .sort((left, right) => Number(right) - Number(left))
    .map((name) => path.join(debianRoot, name, 'bin'))
  const onPath = (process.env['PATH'] ?? '').split(':').filter((folder) => folder !== '')
  return [...debian, ...onPath]
}

async function missingPrograms(directory: string): Promise<readonly string[]> {
  const missing: string[] = []
  for (const program of neededPrograms) {
    try {
      await access(path.join(directory, program), constants.X_OK)
    } catch {
      missing.push(program)
    }
  }
  return missing
}

async function readVersion(directory: string): Promise<ServerVersion> {
  const { stdout } = await runTool({
    program: path.join(directory, 'postgres'),
    args: ['--version'],
    runAs: null,
    signal: AbortSignal.timeout(10_000),
  })
  return parseVersion(stdout)
}

/**
 * Version from `postgres --version`.
 * @throws RangeError when there is none in the text
 */
export function parseVersion(text: string): ServerVersion {
  const match = /\(PostgreSQL\) (\d+)(?:\.(\d+))?/.exec(text)
  if (match === null) throw new RangeError(`not a version of PostgreSQL: ${text.trim()}`)
  return { major: Number(match[1]), minor: Number(match[2] ?? 0) }
}

/** What is known to be wrong with a version that we accept. */
export function warningsAbout(version: ServerVersion): readonly string[] {
  const name = `PostgreSQL ${String(version.major)}.${String(version.minor)}`
  const warnings: string[] = []
  const fixedIn = syncRaceFixedIn.get(version.major)
  if (fixedIn !== undefined && version.minor < fixedIn) {
    warnings.push(
      `${name} may let the first commits after a start pass without waiting for standbys; ` +
        `install ${String(version.major)}.${String(fixedIn)} or newer`,
    )
  }
  if (version.major > newestMajor) {
    warnings.push(`${name} is newer than what pgherd is tested with (${String(newestMajor)})`)
  }
  return warnings
}

function incomplete(directory: string, missing: readonly string[]): PgherdError {
  return new PgherdError({
    code: 'PGHERD_NO_POSTGRES',
    reason: 'configuration',
    message: `${directory} is no complete PostgreSQL installation`,
    because: `it lacks ${missing.join(', ')}`,
    hint: 'correct postgres.binDir, or leave it out and let pgherd look for PostgreSQL',
  })
}

function notFound(wanted: BinariesWanted, found: readonly string[]): PgherdError {
  const which = wanted.version === null ? '' : ` ${String(wanted.version)}`
  if (found.length > 0) {
    return new PgherdError({
      code: 'PGHERD_POSTGRES_VERSION',
      reason: 'configuration',
      message: `no usable PostgreSQL${which} is installed`,
      because: `found ${found.join(', ')}; pgherd needs ${String(oldestMajor)} to ${String(newestMajor)}`,
      hint: 'install that version, or change postgres.version or postgres.binDir in the spec',
    })
  }
  return new PgherdError({
    code: 'PGHERD_NO_POSTGRES',
    reason: 'configuration',
    message: `PostgreSQL${which} is not installed`,
    because: 'neither /usr/lib/postgresql/*/bin nor PATH has its programs',
    hint: 'install it (apt-get install postgresql) or name its folder as postgres.binDir',
  })
}
