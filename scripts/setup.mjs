// Makes a fresh clone runnable: npm packages, the Debian packages of the programs pgherd runs, and
// the bundle in dist/. Does nothing (in well under a second) when all is there.
//
//   node scripts/setup.mjs [--check] [--no-packages]
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import { findLeftovers, installDebianPackages, removeLeftovers } from './setup/debian-packages.mjs'
import { installNpmPackages, npmInstallReason } from './setup/npm-packages.mjs'
import { findPrograms, findUnneededPackage } from './setup/programs.mjs'
import { SetupError, exitCode, lastLines, printError, say, timed } from './setup/report.mjs'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const usage = `usage: node scripts/setup.mjs [options]

  --check         say what is there and what is missing, change nothing; exit 6 when something is
  --no-packages   do not install Debian packages, only say which are missing
  --help          this text

example: node scripts/setup.mjs --check`

try {
  await main(process.argv.slice(2))
} catch (error) {
  printError(error)
}

async function main(parameters) {
  const [option, value] = parameters
  if (option === '--help') return say(usage)
  if (option === '--install') return installAsRoot((value ?? '').split(',').filter(Boolean))
  const unknown = parameters.find((name) => !['--check', '--no-packages'].includes(name))
  if (unknown !== undefined) {
    throw new SetupError(
      `unknown option ${unknown}`,
      'set-up knows --check, --no-packages and --help',
      'see what they do: node scripts/setup.mjs --help',
      exitCode.usage,
    )
  }

  assertNodeVersion()
  if (parameters.includes('--check')) return check()

  let changed = await ensureNpmPackages()
  changed = (await ensureDebianPackages(!parameters.includes('--no-packages'))) || changed
  changed = (await ensureBundle()) || changed
  say(changed ? 'setup: complete' : 'setup: nothing to do')
}

function assertNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  throw new SetupError(
    `Node.js ${process.versions.node} is too old`,
    'pgherd needs Node.js 20.19 or newer',
    'install a newer Node.js, then run this again',
  )
}

function check() {
  const reason = npmInstallReason(root)
  const lines = findPrograms().map(({ title, found, packageName }) => [
    title,
    found ?? `missing (Debian package ${packageName})`,
  ])
  const bundle = bundleReason()
  lines.unshift(['npm packages', reason === null ? 'as package-lock.json says' : reason])
  lines.unshift(['Node.js', process.versions.node])
  lines.push(['bundle', bundle === null ? 'dist/ is up to date' : bundle])
  for (const [title, text] of lines) say(`${title.padEnd(14)}${text}`)
  const isComplete = reason === null && bundle === null && findPrograms().every((p) => p.found)
  if (!isComplete) {
    say('next: node scripts/setup.mjs')
    process.exitCode = exitCode.operatingSystem
  }
}

async function ensureNpmPackages() {
  const reason = npmInstallReason(root)
  if (reason === null) return false
  await installNpmPackages(root, reason)
  return true
}

async function ensureDebianPackages(mayInstall) {
  const missing = findPrograms().filter((program) => program.found === null)
  if (missing.length === 0) {
    tidyUp()
    return false
  }

  say('setup: these programs are missing on this machine:')
  for (const { title, packageName, why } of missing) {
    say(`  ${title.padEnd(12)}${why} (Debian package ${packageName})`)
  }
  const names = missing.map((program) => program.packageName)
  const byHand = `install ${names.join(', ')} with the package manager of this system`
  if (!mayInstall) {
    say(`setup: not installed, as asked; next: ${byHand}`)
    return false
  }
  if (!existsSync('/usr/bin/apt-get')) {
    throw new SetupError('cannot install packages', 'this system has no apt-get', byHand)
  }
  say('setup: they are installed without starting or enabling a service and without a database.')
  await askConsent(names)
  if (process.getuid() === 0) await installAsRoot(names)
  else installBySudo(names)
  assertFound(missing)
  return true
}

/** A set-up that was killed in the middle leaves a policy-rc.d that keeps every service down. */
function tidyUp() {
  const leftovers = findLeftovers()
  if (leftovers.length === 0) return
  if (process.getuid() === 0) removeLeftovers()
  else
    say(`setup: a killed set-up left ${leftovers.join(', ')}; next: sudo rm ${leftovers.join(' ')}`)
}

async function askConsent(names) {
  const isAttended = process.stdin.isTTY === true && process.env.CI !== 'true'
  if (!isAttended) return
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  // The terminal closed (Ctrl-C, Ctrl-D) is an answer as well.
  const closed = new Promise((resolve) => terminal.once('close', () => resolve('no')))
  const answer = await Promise.race([
    terminal.question('Install them with apt-get now? [Y/n] '),
    closed,
  ])
  terminal.close()
  if (/^(y|yes|)$/i.test(answer.trim())) return
  throw new SetupError(
    'nothing was installed',
    'the question was answered with no',
    `apt-get install --no-install-recommends ${names.join(' ')}, then run this again`,
  )
}

async function installAsRoot(names) {
  const unneeded = findUnneededPackage(names)
  if (unneeded !== null || names.length === 0) {
    throw new SetupError(
      `cannot install ${unneeded ?? 'nothing'}`,
      'it is not a package that pgherd needs',
      'run: node scripts/setup.mjs',
      exitCode.usage,
    )
  }
  await installDebianPackages(names)
}

function installBySudo(names) {
  const isAttended = process.stdin.isTTY === true
  const command = [
    process.execPath,
    path.join(root, 'scripts', 'setup.mjs'),
    '--install',
    names.join(','),
  ]
  const result = spawnSync('sudo', [...(isAttended ? [] : ['--non-interactive']), ...command], {
    stdio: 'inherit',
  })
  if (result.error === undefined && result.status === 0) return
  throw new SetupError(
    'cannot install packages as this user',
    result.error === undefined
      ? 'sudo refused, or the installation above failed'
      : 'this user is not root and there is no sudo',
    `as root: apt-get install --no-install-recommends ${names.join(' ')}, then run this again`,
  )
}

function assertFound(wanted) {
  const missing = findPrograms().filter(
    ({ title, found }) => found === null && wanted.some((program) => program.title === title),
  )
  if (missing.length === 0) return
  throw new SetupError(
    `${missing.map((program) => program.title).join(', ')} still not found`,
    'the package was installed, but brought no version that pgherd supports',
    'see where the programs are: node scripts/setup.mjs --check',
  )
}

/** Why the bundle must be built, or null when no source is newer than it. */
function bundleReason() {
  const bundles = ['pgherd.mjs', 'guard.mjs', 'dialer.mjs'].map((name) =>
    path.join(root, 'dist', name),
  )
  if (!bundles.every((file) => existsSync(file))) return 'dist/ is not built yet'
  const builtAtMs = Math.min(...bundles.map((file) => statSync(file).mtimeMs))
  const sources = readdirSync(path.join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
  const others = ['package-lock.json', 'scripts/build.ts'].map((name) => path.join(root, name))
  const newer = [...sources, ...others].find((file) => statSync(file).mtimeMs > builtAtMs)
  return newer === undefined ? null : `${path.relative(root, newer)} is newer than dist/`
}

async function ensureBundle() {
  const reason = bundleReason()
  if (reason === null) return false
  await timed(`build (${reason})`, () => {
    const result = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/build.ts', '--quiet'], {
      cwd: root,
      encoding: 'utf8',
    })
    if (result.status === 0) return
    throw new SetupError(
      'cannot build the program',
      lastLines(`${result.stdout}\n${result.stderr}`, 12),
      'correct the sources, then: npm run build',
    )
  })
  return true
}
