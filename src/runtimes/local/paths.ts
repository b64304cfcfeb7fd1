// Where the local runtime keeps things: PGHERD_HOME, and below it one folder per cluster.

import { createHash } from 'node:crypto'
import { readlinkSync, realpathSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { passFileIn } from '../../config/secrets.ts'
import { messageOf, PgherdError } from '../../lib/errors.ts'

/** Linux: sun_path has 108 bytes, the last of them zero. */
const socketPathBytesMax = 107
/** The longest name that a socket gets in a socket folder. */
const longestSocketName = '.s.PGSQL.65535'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The folder of all clusters, without links: locks, namespaces and the processes of a node are found by its
 * path, so one folder must have one path, whichever way it was named. It need not be there yet.
 * @throws PgherdError PGHERD_HOME_INVALID when it is no absolute path, or its links lead nowhere
 */
export function resolveHome(environment: Environment): string {
  const home = homeIn(environment)
  try {
    return withoutLinks(home)
  } catch (error) {
    throw new PgherdError({
      code: 'PGHERD_HOME_INVALID',
      reason: 'configuration',
      message: `it cannot be found out which folder ${home} is`,
      because: messageOf(error),
      hint: 'correct its links, or set PGHERD_HOME to a folder such as /var/lib/pgherd',
      cause: error,
    })
  }
}

/**
 * As root it lies outside root's closed home, because PostgreSQL runs as another user.
 * @throws PgherdError PGHERD_HOME_INVALID when the variable holds no absolute path
 */
function homeIn(environment: Environment): string {
  const given = environment['PGHERD_HOME']
  if (given !== undefined && given !== '') {
    if (path.isAbsolute(given)) return path.resolve(given)
    throw new PgherdError({
      code: 'PGHERD_HOME_INVALID',
      reason: 'configuration',
      message: `PGHERD_HOME is ${JSON.stringify(given)}`,
      because: 'it must be an absolute path',
      hint: 'set it to a folder such as /var/lib/pgherd, or unset it',
    })
  }
  if (process.getuid?.() === 0) return '/var/lib/pgherd'
  const dataHome = environment['XDG_DATA_HOME']
  const base =
    dataHome !== undefined && path.isAbsolute(dataHome)
      ? dataHome
      : path.join(environment['HOME'] ?? os.homedir(), '.local', 'share')
  return path.join(base, 'pgherd')
}

/** The path of the same folder without links, also those to what is not there yet. */
function withoutLinks(folder: string): string {
  try {
    return realpathSync(folder)
  } catch (error) {
    // What is not there has no other path. What may not be entered can be used by no path, and whoever
    // tries is told so.
    if (!isOneOf(error, ['ENOENT', 'ENOTDIR', 'EACCES'])) throw error
  }
  const parent = withoutLinks(path.dirname(folder))
  const target = linkTarget(folder)
  return target === null
    ? path.join(parent, path.basename(folder))
    : withoutLinks(path.resolve(parent, target))
}

/** Where a link leads; null when there is none. */
function linkTarget(file: string): string | null {
  try {
    return readlinkSync(file)
  } catch (error) {
    if (isOneOf(error, ['ENOENT', 'ENOTDIR', 'EACCES', 'EINVAL'])) return null
    throw error
  }
}

function isOneOf(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

export type ClusterPaths = {
  readonly directory: string
  readonly specFile: string
  readonly secrets: string
  /** libpq passfile of the application's role. */
  readonly passFile: string
  /** The program that runs the agents: a copy, so that it is readable for the database user. */
  readonly program: string
  /** What commands want and what the supervisor does. */
  readonly state: string
  readonly logs: string
  readonly supervisorLog: string
  readonly supervisorFile: string
  /** Exists while a command changes the cluster; left behind by one that was killed. */
  readonly changeMark: string
  /** Exists when the nodes run on the hosts of a lab. */
  readonly labMark: string
  /** Sockets; elsewhere when the path would be too long. */
  readonly run: string
  nodeDirectory(node: string): string
  nodeLogs(node: string): string
  agentLog(node: string): string
  /** What the agent itself prints, that is when it fails before its log is open. */
  agentOutput(node: string): string
  socketDirectory(node: string): string
  wantedFile(node: string): string
  agentFile(node: string): string
}

/**
 * @param nodes names of the nodes, for the length of socket paths; the same spec gives the same paths
 */
export function clusterPathsOf(
  home: string,
  cluster: string,
  nodes: readonly string[],
): ClusterPaths {
  const directory = path.join(home, cluster)
  const inCluster = (...parts: readonly string[]) => path.join(directory, ...parts)
  const run = shortEnough(inCluster('run'), nodes) ? inCluster('run') : shortRun(directory)
  const nodeDirectory = (node: string) => inCluster('nodes', node)
  return {
    directory,
    specFile: inCluster('cluster.yaml'),
    secrets: inCluster('secrets'),
    passFile: passFileIn(inCluster('secrets')),
    program: inCluster('program'),
    state: inCluster('state'),
    logs: inCluster('logs'),
    supervisorLog: inCluster('logs', 'supervisor.log'),
    supervisorFile: inCluster('state', 'supervisor.json'),
    changeMark: inCluster('state', 'changing'),
    labMark: inCluster('state', 'lab'),
    run,
    nodeDirectory,
    nodeLogs: (node) => path.join(nodeDirectory(node), 'logs'),
    agentLog: (node) => path.join(nodeDirectory(node), 'logs', 'agent.log'),
    agentOutput: (node) => path.join(nodeDirectory(node), 'logs', 'output.log'),
    socketDirectory: (node) => path.join(run, node),
    wantedFile: (node) => inCluster('state', `${node}.wanted.json`),
    agentFile: (node) => inCluster('state', `${node}.agent.json`),
  }
}

function shortEnough(run: string, nodes: readonly string[]): boolean {
  return nodes.every((node) => {
    const longest = path.join(run, node, longestSocketName)
    return Buffer.byteLength(longest) <= socketPathBytesMax
  })
}

/** A short folder that belongs to this cluster folder alone. */
function shortRun(directory: string): string {
  const digest = createHash('sha256').update(directory).digest('hex').slice(0, 12)
  return path.join('/tmp', `pgherd-${digest}`)
}
