// Finds the programs pgherd runs (PostgreSQL, etcd, HAProxy, Keepalived, ip, nft) and says which Debian package
// would bring a missing one. Looks only; installing is in debian-packages.mjs.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import path from 'node:path'

const postgresVersionMin = 14
const postgresVersionMax = 18
const postgresPrograms = [
  'postgres',
  'initdb',
  'pg_ctl',
  'pg_basebackup',
  'pg_rewind',
  'pg_controldata',
  'pg_receivewal',
  'psql',
]

// Daemons are in sbin, which the PATH of an ordinary Debian user lacks.
const searchPath = [
  ...new Set([
    ...(process.env.PATH ?? '').split(':').filter((folder) => path.isAbsolute(folder)),
    '/usr/local/bin',
    '/usr/bin',
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
  ]),
]

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function findProgram(name) {
  return searchPath.map((folder) => path.join(folder, name)).find(isExecutable) ?? null
}

function subfolders(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** The newest complete PostgreSQL in a supported version, as { folder, version }, or null. */
function findPostgres() {
  const packaged = subfolders('/usr/lib/postgresql').map((version) => ({
    folder: `/usr/lib/postgresql/${version}/bin`,
    version: Number(version),
  }))
  const redHat = subfolders('/usr')
    .filter((name) => /^pgsql-\d+$/.test(name))
    .map((name) => ({ folder: `/usr/${name}/bin`, version: Number(name.slice('pgsql-'.length)) }))
  const found = [...packaged, ...redHat]
    .filter(isUsablePostgres)
    .sort((a, b) => b.version - a.version)[0]
  if (found !== undefined) return found

  return (
    [...searchPath, '/usr/local/pgsql/bin']
      .filter((folder) => isExecutable(path.join(folder, 'postgres')))
      .map((folder) => ({ folder, version: askPostgresVersion(path.join(folder, 'postgres')) }))
      .find(isUsablePostgres) ?? null
  )
}

function isUsablePostgres({ folder, version }) {
  return (
    version >= postgresVersionMin &&
    version <= postgresVersionMax &&
    postgresPrograms.every((name) => isExecutable(path.join(folder, name)))
  )
}

function askPostgresVersion(program) {
  const result = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 5000 })
  return Number(/\) (\d+)/.exec(result.stdout ?? '')?.[1] ?? Number.NaN)
}

/** One entry for each outside program; `found` is where it is, or null. */
export function findPrograms() {
  const postgres = findPostgres()
  return [
    {
      title: 'PostgreSQL',
      found: postgres === null ? null : `${postgres.folder} (version ${postgres.version})`,
      packageName: 'postgresql',
      why: `the database server and its tools, version ${postgresVersionMin} to ${postgresVersionMax}`,
    },
    {
      title: 'etcd',
      found: findProgram('etcd'),
      packageName: 'etcd-server',
      why: 'the votes: which node may be primary',
    },
    {
      title: 'HAProxy',
      found: findProgram('haproxy'),
      packageName: 'haproxy',
      why: 'one stable address for writes and one for reads',
    },
    {
      title: 'Keepalived',
      found: findProgram('keepalived'),
      packageName: 'keepalived',
      why: 'an address that several balancers share',
    },
    {
      title: 'ip',
      found: findProgram('ip'),
      packageName: 'iproute2',
      why: 'takes such an address away, and makes networks for tests',
    },
    {
      title: 'nft',
      found: findProgram('nft'),
      packageName: 'nftables',
      why: 'cuts cables in a lab',
    },
  ]
}

/** The first of these packages that brings no program of ours, or null: root installs nothing else. */
export function findUnneededPackage(packageNames) {
  const needed = findPrograms().map((program) => program.packageName)
  return packageNames.find((name) => !needed.includes(name)) ?? null
}

/** The newest `postgresql-NN` server package that we support, out of a list of package names. */
export function choosePostgresPackage(packageNames) {
  const versions = packageNames
    .map((name) => /^postgresql-(\d+)$/.exec(name)?.[1])
    .filter((version) => version !== undefined)
    .map(Number)
    .filter((version) => version >= postgresVersionMin && version <= postgresVersionMax)
    .sort((a, b) => b - a)
  return versions.length === 0 ? null : `postgresql-${versions[0]}`
}
