// Whether the etcd program is there and speaks the API that we use.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { messageOf, PgherdError } from '../../lib/errors.ts'

const run = promisify(execFile)
const timeoutMs = 10_000
const oldestVersion = [3, 4] as const

/**
 * The version of the etcd program.
 * @throws PgherdError PGHERD_NO_ETCD, PGHERD_ETCD_VERSION
 */
export async function checkEtcd(program: string): Promise<string> {
  let text: string
  try {
    text = (await run(program, ['--version'], { timeout: timeoutMs })).stdout
  } catch (error) {
    throw new PgherdError({
      code: 'PGHERD_NO_ETCD',
      reason: 'system',
      message: `${program} cannot be run`,
      because: messageOf(error),
      hint: 'install etcd 3.4 or newer (Debian: apt-get install etcd-server)',
      cause: error,
    })
  }
  const version = parseEtcdVersion(text)
  if (version !== null && isNewEnough(version)) return version
  throw new PgherdError({
    code: 'PGHERD_ETCD_VERSION',
    reason: 'system',
    message: `${program} is version ${version ?? 'unknown'}, which is too old`,
    hint: 'install etcd 3.4 or newer',
  })
}

/** From `etcd Version: 3.4.23`, the first line of several. */
export function parseEtcdVersion(text: string): string | null {
  return /etcd Version: (\d+\.\d+\.\d+\S*)/.exec(text)?.[1] ?? null
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > oldestVersion[0] || (major === oldestVersion[0] && minor >= oldestVersion[1])
}
