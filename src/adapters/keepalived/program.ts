// Keepalived as a program: whether it is there and new enough, and whether it accepts a configuration.

import { exec } from 'tinyexec'
import { PgherdError, messageOf } from '../../lib/errors.ts'

const toolTimeoutMs = 10_000
const oldestVersion = [2, 0, 20] as const

/**
 * The version, `2.2.7`.
 * @throws PgherdError PGHERD_NO_KEEPALIVED, PGHERD_KEEPALIVED_VERSION
 */
export async function checkKeepalived(binary: string): Promise<string> {
  let text: string
  try {
    const { stdout, stderr } = await exec(binary, ['--version'], {
      timeout: toolTimeoutMs,
      throwOnError: true,
    })
    text = `${stdout}\n${stderr}`
  } catch (error) {
    throw new PgherdError({
      code: 'PGHERD_NO_KEEPALIVED',
      reason: 'system',
      message: `${binary} cannot be run`,
      because: messageOf(error),
      hint: 'install Keepalived 2.0.20 or newer (Debian: apt-get install keepalived), or set no balancer.vip',
      cause: error,
    })
  }
  const version = parseVersion(text)
  if (version !== null && isNewEnough(version)) return version.join('.')
  throw new PgherdError({
    code: 'PGHERD_KEEPALIVED_VERSION',
    reason: 'system',
    message: `${binary} is version ${version?.join('.') ?? 'unknown'}, which is too old`,
    hint: 'install Keepalived 2.0.20 or newer',
  })
}

/** From `Keepalived v2.2.7 (01/16,2022)`. */
export function parseVersion(text: string): readonly number[] | null {
  const match = /Keepalived v(\d+)\.(\d+)\.(\d+)/.exec(text)
  return match === null ? null : match.slice(1, 4).map(Number)
}

function isNewEnough(version: readonly number[]): boolean {
  for (const [index, oldest] of oldestVersion.entries()) {
    const part = version[index] ?? 0
    if (part !== oldest) return part > oldest
  }
  return true
}

/**
 * Lets Keepalived itself read a configuration, on the host that it is for: it looks for the network
 * interface and the script.
 * @throws PgherdError PGHERD_KEEPALIVED_CONFIG with Keepalived's own words and line
 */
export async function validateConfig(binary: string, configFile: string): Promise<void> {
  const { exitCode, stdout, stderr } = await exec(binary, ['--config-test', '-f', configFile], {
    timeout: toolTimeoutMs,
  })
  const complaint = firstComplaint(`${stderr}\n${stdout}`)
  if (exitCode === 0 && !(complaint ?? '').includes('missing')) return
  throw new PgherdError({
    code: 'PGHERD_KEEPALIVED_CONFIG',
    reason: 'configuration',
    message: `Keepalived does not accept ${configFile}`,
    because: complaint ?? `exit code ${String(exitCode)}`,
    hint: 'correct the balancer settings of the spec; the old configuration stays in use',
  })
}

/** The first line of its output that names a line of the file, else the first at all. */
export function firstComplaint(output: string): string | null {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const named = lines.find((line) => /\(.*Line \d+\)/.test(line))
  return (named ?? lines[0])?.trim() ?? null
}
