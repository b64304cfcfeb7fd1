// Keeps node_modules equal to package-lock.json, by comparing it with the lock that npm itself
// leaves inside node_modules. Not responsible for changing the lock.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { SetupError, lastLines, timed } from './report.mjs'

/** Why `npm ci` is needed, or null when what is installed is what the lock file says. */
export function npmInstallReason(root) {
  const lock = readLock(path.join(root, 'package-lock.json'))
  if (lock === null) {
    throw new SetupError(
      'cannot install npm packages',
      `package-lock.json is missing or damaged in ${root}`,
      'restore it: git checkout package-lock.json',
    )
  }
  if (!existsSync(path.join(root, 'node_modules'))) return 'node_modules is missing'
  const installed = readLock(path.join(root, 'node_modules', '.package-lock.json'))
  if (installed === null) return 'node_modules was not installed by npm'

  for (const [name, wanted] of Object.entries(lock.packages)) {
    if (name === '') continue
    const found = installed.packages[name]
    // Optional packages of other platforms are in the lock file and rightly not installed.
    if (found === undefined && wanted.optional === true) continue
    if (found === undefined) return `${name} is missing`
    if (found.version !== wanted.version || found.integrity !== wanted.integrity) {
      return `${name} is ${found.version}, wanted ${wanted.version}`
    }
  }
  return null
}

function readLock(file) {
  try {
    const lock = JSON.parse(readFileSync(file, 'utf8'))
    return typeof lock.packages === 'object' && lock.packages !== null ? lock : null
  } catch {
    return null
  }
}

export async function installNpmPackages(root, reason) {
  await timed(`npm ci (${reason})`, () => {
    // Development packages are always needed: the bundler is one, and the clone builds itself.
    const result = spawnSync('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
    })
    if (result.error !== undefined) {
      throw new SetupError(
        'cannot install npm packages',
        `npm could not be started (${result.error.message})`,
        'install npm beside Node.js, then run this again',
      )
    }
    if (result.status !== 0) {
      throw new SetupError(
        'cannot install npm packages',
        lastLines(result.stderr) || `npm ci ended with ${result.status ?? result.signal}`,
        'check that the npm registry can be reached (npm ping), then run this again',
      )
    }
  })
}
