// HAProxy as a program: whether it is there and new enough, whether it accepts a configuration, how it
// is started. It lives on when the agent dies, with all sessions.

import { exec } from 'tinyexec'
import { startLasting } from '../../host/lasting-process.ts'
import type { LastingFiles, LastingProcess } from '../../host/lasting-process.ts'
import { PgherdError, messageOf } from '../../lib/errors.ts'

const toolTimeoutMs = 10_000
const oldestVersion = [2, 4] as const

/**
 * The version as HAProxy prints it, `2.6.12-1+deb12u4`.
 * @throws PgherdError PGHERD_NO_HAPROXY, PGHERD_HAPROXY_VERSION
 */
export async function checkHaproxy(binary: string): Promise<string> {
  let text: string
  try {
    const { stdout } = await exec(binary, ['-v'], { timeout: toolTimeoutMs, throwOnError: true })
    text = stdout
  } catch (error) {
    throw new PgherdError({
      code: 'PGHERD_NO_HAPROXY',
      reason: 'system',
      message: `${binary} cannot be run`,
      because: messageOf(error),
      hint: 'install HAProxy 2.4 or newer (Debian: apt-get install haproxy)',
      cause: error,
    })
  }
  const version = parseVersion(text)
  const [major, minor] = version?.numbers ?? [0, 0]
  if (version !== null && (major > oldestVersion[0] || minor >= oldestVersion[1]))
    return version.text
  throw new PgherdError({
    code: 'PGHERD_HAPROXY_VERSION',
    reason: 'system',
    message: `${binary} is version ${version?.text ?? 'unknown'}, which is too old`,
    hint: 'install HAProxy 2.4 or newer',
  })
}

/** From `HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/`. */
export function parseVersion(
  text: string,
): { readonly text: string; readonly numbers: readonly [number, number] } | null {
  const match = /version ((\d+)\.(\d+)\S*)/.exec(text)
  if (match?.[1] === undefined) return null
  return { text: match[1], numbers: [Number(match[2]), Number(match[3])] }
}

/**
 * Lets HAProxy itself read a configuration.
 * @throws PgherdError PGHERD_HAPROXY_CONFIG with HAProxy's own words
 */
export async function validateConfig(binary: string, configFile: string): Promise<void> {
  const result = await exec(binary, ['-c', '-f', configFile], { timeout: toolTimeoutMs })
  if (result.exitCode === 0) return
  throw new PgherdError({
    code: 'PGHERD_HAPROXY_CONFIG',
    reason: 'configuration',
    message: `HAProxy does not accept ${configFile}`,
    because: firstAlert(result.stderr) ?? `exit code ${String(result.exitCode)}`,
    hint: 'correct the balancer settings of the spec; the old configuration stays in use',
  })
}

/** The first complaint in HAProxy's output, which names the cause; the later ones only follow from it. */
export function firstAlert(output: string): string | null {
  const alert = output
    .split('\n')
    .find((line) => line.includes('[ALERT]') && !line.includes('has no server available'))
  return alert?.replace(/^\[ALERT\]\s*\(\d+\) : (config : )?/, '') ?? null
}

export type HaproxyFiles = LastingFiles & { readonly socketPath: string }

/**
 * Starts a process that outlives this one.
 * @param configFile what it reads; its path begins with that of `files.configFile`
 * @param oldPid a process to take the listening sockets over from; it ends when its sessions have ended
 */
export function startHaproxy(
  binary: string,
  files: HaproxyFiles,
  configFile: string,
  oldPid: number | null,
): LastingProcess {
  const takeOver = oldPid === null ? [] : ['-x', files.socketPath, '-sf', String(oldPid)]
  return startLasting(binary, ['-db', '-f', configFile, ...takeOver], files)
}
