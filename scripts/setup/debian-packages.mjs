// Installs Debian packages without their habits: no service is started or enabled, no default
// database cluster is made. Runs as root (by sudo, as `setup.mjs --install NAMES`).
//
// Two files keep the habits away, and both are gone again when the installation ends:
//   /usr/sbin/policy-rc.d                            asked by every package before it starts a service
//   /etc/postgresql-common/createcluster.d/…         read by PostgreSQL's package before it makes "main"
// Removing the second is safe: the package asks it only at its first installation.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { choosePostgresPackage } from './programs.mjs'
import { SetupError, lastLines, say, timed } from './report.mjs'

const marker = '# placed by the set-up of pgherd, removed when it ends'
const policyFile = '/usr/sbin/policy-rc.d'
const policyFileAside = '/usr/sbin/policy-rc.d.before-pgherd'
const createClusterFolder = '/etc/postgresql-common/createcluster.d'
const createClusterFile = `${createClusterFolder}/pgherd-setup.conf`

// Units that packages enable for the next boot although pgherd starts these programs itself.
// postgresql.service is not among them: it starts the clusters of /etc/postgresql, which are not ours.
const unitsOfPackage = {
  'etcd-server': ['etcd'],
  haproxy: ['haproxy'],
  keepalived: ['keepalived'],
}

export async function installDebianPackages(packageNames) {
  const before = snapshot()
  denyHabits()
  // Ctrl-C reaches apt-get as well; we only must live long enough to remove our two files.
  const ignore = () => {}
  process.on('SIGINT', ignore)
  process.on('SIGTERM', ignore)
  try {
    if (!hasCandidates(packageNames)) await updateLists()
    const names = resolveNames(packageNames)
    await timed(`apt-get install ${names.join(' ')}`, async () => {
      let result = aptGet(installArguments(names))
      if (result.status !== 0 && /404|Unable to fetch|Failed to fetch/.test(result.stderr)) {
        await updateLists()
        result = aptGet(installArguments(names))
      }
      assertDone(result, 'install packages')
    })
    disableUnits(packageNames)
  } finally {
    removeLeftovers()
    process.off('SIGINT', ignore)
    process.off('SIGTERM', ignore)
  }
  assertNothingLeft(before)
}

/** Files that a set-up that was killed left behind. */
export function findLeftovers() {
  return [createClusterFile, policyFile].filter(isOurs)
}

export function removeLeftovers() {
  if (isOurs(policyFile)) rmSync(policyFile)
  if (existsSync(policyFileAside)) renameSync(policyFileAside, policyFile)
  rmSync(createClusterFile, { force: true })
  // The folders too, unless a package owns them or somebody has filled them.
  for (const folder of [createClusterFolder, path.dirname(createClusterFolder)]) {
    const isEmpty = existsSync(folder) && readdirSync(folder).length === 0
    if (isEmpty && !isPackaged(folder)) rmdirSync(folder)
  }
}

function denyHabits() {
  removeLeftovers()
  if (existsSync(policyFile) && !deniesStart(policyFile)) renameSync(policyFile, policyFileAside)
  if (!existsSync(policyFile)) {
    writeFileSync(policyFile, `#!/bin/sh\n${marker}\nexit 101\n`, { mode: 0o755 })
  }
  mkdirSync(createClusterFolder, { recursive: true })
  writeFileSync(createClusterFile, `${marker}\ncreate_main_cluster = false\n`, { mode: 0o644 })
}

function isOurs(file) {
  return existsSync(file) && readFileSync(file, 'utf8').includes(marker)
}

function deniesStart(policy) {
  return spawnSync(policy, ['etcd', 'start'], { stdio: 'ignore' }).status === 101
}

function isPackaged(folder) {
  return spawnSync('dpkg', ['--search', folder], { stdio: 'ignore' }).status === 0
}

function apt(program, parameters) {
  const result = spawnSync(program, parameters, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
  })
  if (result.error !== undefined) {
    throw new SetupError(
      'cannot install packages',
      `${program} could not be started (${result.error.message})`,
      'install the packages named above with the package manager of this system',
    )
  }
  return result
}

function aptGet(parameters) {
  // Another apt-get (unattended upgrades) may hold the lock: wait for it, but not for ever.
  return apt('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...parameters])
}

function installArguments(names) {
  return ['install', '--yes', '--no-install-recommends', '-o', 'Dpkg::Use-Pty=0', ...names]
}

function assertDone(result, what) {
  if (result.status === 0) return
  throw new SetupError(
    `cannot ${what}`,
    lastLines(result.stderr) ||
      lastLines(result.stdout) ||
      `apt-get ended with ${result.status ?? result.signal}`,
    'correct this with apt-get, or install the packages by hand, then run this again',
  )
}

async function updateLists() {
  await timed('apt-get update', () => assertDone(aptGet(['update']), 'update the package lists'))
}

function hasCandidates(packageNames) {
  return packageNames.every((name) => {
    if (name === 'postgresql' && postgresPackage() === null) return false
    const policy = apt('apt-cache', ['policy', name]).stdout
    return /Candidate: (?!\(none\))/.test(policy)
  })
}

function postgresPackage() {
  const listed = apt('apt-cache', ['search', '--names-only', '^postgresql-[0-9]+$']).stdout
  return choosePostgresPackage(listed.split('\n').map((line) => line.split(' ')[0]))
}

function resolveNames(packageNames) {
  return packageNames.map((name) => {
    if (name !== 'postgresql') return name
    const versioned = postgresPackage()
    if (versioned !== null) return versioned
    throw new SetupError(
      'cannot install PostgreSQL',
      'the package sources of this machine offer no version that pgherd supports',
      'add a source that has PostgreSQL 14 to 18, then run this again',
    )
  })
}

function disableUnits(packageNames) {
  const hasSystemctl = existsSync('/usr/bin/systemctl') || existsSync('/bin/systemctl')
  for (const unit of packageNames.flatMap((name) => unitsOfPackage[name] ?? [])) {
    if (hasSystemctl) {
      spawnSync('systemctl', ['disable', '--quiet', `${unit}.service`], { stdio: 'ignore' })
    } else {
      spawnSync('deb-systemd-helper', ['disable', `${unit}.service`], { stdio: 'ignore' })
      spawnSync('update-rc.d', [unit, 'disable'], { stdio: 'ignore' })
    }
  }
}

/** What an installation must not change: default clusters, and services of the system. */
function snapshot() {
  const clusters = listFolder('/etc/postgresql').flatMap((version) =>
    listFolder(`/etc/postgresql/${version}`).map((name) => `${version} ${name}`),
  )
  const services = listFolder('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => describeSystemService(pid) ?? [])
  return { clusters: new Set(clusters), services: new Set(services) }
}

function listFolder(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Name of the service that a process belongs to, when it runs from the packages' own places. */
function describeSystemService(pid) {
  let program, commandLine, userId
  try {
    program = readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
    commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
    userId = statSync(`/proc/${pid}`).uid
  } catch {
    return null // The process ended meanwhile.
  }
  if (program === 'postgres' && /\/(var\/lib|etc)\/postgresql\//.test(commandLine))
    return 'postgresql'
  if (program === 'haproxy' && commandLine.includes('/etc/haproxy/haproxy.cfg')) return 'haproxy'
  // An agent names a file of its own; the service reads the one in /etc.
  if (program === 'keepalived' && !commandLine.includes('--use-file')) return 'keepalived'
  if (program === 'etcd' && userId === userIdOf('etcd')) return 'etcd'
  return null
}

function userIdOf(userName) {
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`${userName}:`))
  return entry === undefined ? null : Number(entry.split(':')[2])
}

function assertNothingLeft(before) {
  const after = snapshot()
  for (const service of after.services) {
    if (before.services.has(service)) continue
    say(`setup: the package started ${service}; stopping it`)
    spawnSync('service', [service, 'stop'], { stdio: 'ignore' })
    if (!snapshot().services.has(service)) continue
    throw new SetupError(
      `the service ${service} is running`,
      'its package started it in spite of policy-rc.d',
      `stop it: service ${service} stop`,
    )
  }
  for (const cluster of after.clusters) {
    if (before.clusters.has(cluster)) continue
    throw new SetupError(
      `the PostgreSQL cluster "${cluster}" appeared in /etc/postgresql`,
      'the package made it in spite of create_main_cluster = false',
      `drop it if it is not yours: pg_dropcluster ${cluster}`,
    )
  }
}
