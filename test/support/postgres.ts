// Real PostgreSQL nodes for tests: adapter, guard and directory of each, in a temporary folder, with free
// ports. `PostgresLab.open()` in beforeAll, `reset()` in afterEach, `close()` in afterAll: every process that
// was started is ended and every file removed, also after a failure.

import { build } from 'esbuild'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import pg from 'pg'
import {
  createGuardClient,
  type GuardClient,
  type GuardClientOptions,
} from '../../src/adapters/guard/guard-client.ts'
import { findBinaries, type Binaries } from '../../src/adapters/postgres/binaries.ts'
import {
  resolveDatabaseUser,
  type DatabaseUser,
} from '../../src/adapters/postgres/database-user.ts'
import { nodePathsOf, roles, type PostgresOptions } from '../../src/adapters/postgres/options.ts'
import { createPostgres, type PostgresAdapter } from '../../src/adapters/postgres/postgres.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import {
  incarnationOf,
  asNodeName,
  slotNameOf,
  type ClusterName,
  type Incarnation,
  type MonotonicMs,
} from '../../src/core/names.ts'
import type { ServerConfig, Upstream } from '../../src/core/server.ts'
import { makeList, type SyncSetting } from '../../src/core/sync-list.ts'
import { timingPlans } from '../../src/core/timing-plan.ts'
import {
  endDirectoryProcesses,
  isProcessAlive,
  resolveDataDirectory,
  signalProcess,
} from '../../src/host/process-table.ts'
import { removeRecordedMemory, sharedMemoryRecordName } from '../../src/host/shared-memory.ts'
import { freePorts } from './free-ports.ts'
import { waitFor } from './wait.ts'

export const labSecrets = {
  superuser: 'super secret',
  pgherd: "pg'herd",
  replication: 're:pl\\ica',
  app: 'app-secret',
} as const

const hourMs = 3_600_000

export type LabNode = {
  readonly name: string
  readonly incarnation: Incarnation
  readonly options: PostgresOptions
  readonly guard: GuardClient
  readonly postgres: PostgresAdapter
  readonly paths: ReturnType<typeof nodePathsOf>
}

/** An agent in a process of its own, to be frozen or killed. */
export type LabAgent = {
  readonly child: ChildProcess
  readonly pid: number
  /** The last deadline that it gave the guard. */
  readonly stopByMs: () => number
}

export class PostgresLab {
  readonly folder: string
  readonly binaries: Binaries
  readonly runAs: DatabaseUser | null
  readonly #nodes: LabNode[] = []
  readonly #clients: pg.Client[] = []
  readonly #agents: ChildProcess[] = []
  readonly #guardPids = new Set<number>()
  #template: string | null = null
  #hasPair = false

  private constructor(folder: string, binaries: Binaries, runAs: DatabaseUser | null) {
    this.folder = folder
    this.binaries = binaries
    this.runAs = runAs
  }

  static async open(): Promise<PostgresLab> {
    const folder = await mkdtemp(path.join(await scratchFolder(), 'pgherd-'))
    // mkdtemp closes the folder to others; the database user must pass.
    await chmod(folder, 0o755)
    const runAs = await resolveDatabaseUser()
    const lab = new PostgresLab(folder, await findBinaries({ binDir: null, version: null }), runAs)
    await build({
      absWorkingDir: path.resolve(import.meta.dirname, '../..'),
      entryPoints: { guard: 'src/guard/main.ts', 'guard-agent': 'test/support/guard-agent.ts' },
      outdir: folder,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'warning',
    })
    return lab
  }

  /** An agent process of its own that does nothing but keep the guard's deadline in the future. */
  async startAgent(node: LabNode, holdMs: number): Promise<LabAgent> {
    const child = spawn(
      process.execPath,
      [
        path.join(this.folder, 'guard-agent.mjs'),
        JSON.stringify(this.guardOf(node.options)),
        String(holdMs),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    this.#agents.push(child)
    const seen: { stopByMs: number | null } = { stopByMs: null }
    createInterface(child.stdout).on('line', (line) => {
      seen.stopByMs = Number(line)
    })
    const stopByMs = (): number => seen.stopByMs ?? 0
    await waitFor('the agent has armed the guard', stopByMs, (value) => value > 0)
    return { child, pid: child.pid ?? -1, stopByMs }
  }

  guardOf(options: PostgresOptions): GuardClientOptions {
    const paths = nodePathsOf(options.nodeDirectory)
    return {
      programFile: path.join(this.folder, 'guard.mjs'),
      dataDirectory: paths.data,
      socketPath: path.join(this.folder, `${options.node}.guard`),
      pidFile: path.join(options.nodeDirectory, 'guard.pid'),
      logFile: path.join(paths.logs, 'guard.log'),
      killAfterMs: options.plan.killAfterMs,
      diskProbePeriodMs: 100,
    }
  }

  /** A node with its guard running and no data directory. */
  async node(name: string, changes: Partial<PostgresOptions> = {}): Promise<LabNode> {
    const nodeDirectory = path.join(this.folder, name)
    const [postgresPort = 0] = await freePorts(1)
    const options: PostgresOptions = {
      cluster: 'lab' as ClusterName,
      node: asNodeName(name),
      nodeDirectory,
      socketDirectory: path.join(this.folder, `${name}.s`),
      host: '127.0.0.1',
      port: postgresPort,
      binaries: this.binaries,
      runAs: this.runAs,
      plan: timingPlans.fast,
      secrets: labSecrets,
      application: { database: 'app', user: 'app' },
      locale: 'C.UTF-8',
      encoding: 'UTF8',
      parameters: { shared_buffers: '16MB', max_connections: 40 },
      slotCapMb: 1024,
      clusterHosts: ['127.0.0.1'],
      allowFrom: ['samehost'],
      ...changes,
    }
    const node = await this.attach(options)
    return node
  }

  /** A second agent for the same node: its own guard client and adapter. */
  async attach(
    options: PostgresOptions,
    guardChanges: Partial<GuardClientOptions> = {},
  ): Promise<LabNode> {
    const paths = nodePathsOf(options.nodeDirectory)
    await mkdir(options.nodeDirectory, { recursive: true })
    const guard = createGuardClient({ ...this.guardOf(options), ...guardChanges })
    const node: LabNode = {
      name: options.node,
      incarnation: incarnationOf(options.node, '3f9ac2d1'),
      options,
      guard,
      postgres: createPostgres(options, { clock: systemClock, process: guard }),
      paths,
    }
    this.#nodes.push(node)
    await guard.ensure()
    this.remember(node)
    return node
  }

  /** To be called after a new guard was started for a node, so that `close` ends it. */
  remember(node: LabNode): void {
    const pid = node.guard.guardPid()
    if (pid !== null) this.#guardPids.add(pid)
  }

  /** A new database system for `node`, copied from one that is made once per lab. */
  async fill(node: LabNode): Promise<void> {
    if (this.#template === null) {
      await node.postgres.initialise(30_000)
      const template = path.join(this.folder, 'template')
      await this.#copy(node.paths.staged, template)
      this.#template = template
    } else {
      await this.#copy(this.#template, node.paths.staged)
    }
    await node.postgres.adoptStaged()
  }

  /**
   * A primary `pg-0` and a streaming standby `pg-1`. They are made once per lab, by clone, and copied from
   * then on.
   */
  async pair(): Promise<readonly [primary: LabNode, standby: LabNode]> {
    const primary = await this.node('pg-0')
    const standby = await this.node('pg-1')
    const templates = [
      path.join(this.folder, 'primary'),
      path.join(this.folder, 'standby'),
    ] as const
    if (this.#hasPair) {
      await this.#copy(templates[0], primary.paths.data)
      await this.#copy(templates[1], standby.paths.data)
    } else {
      await this.fill(primary)
      await this.startPrimary(primary)
      await this.join(standby, primary)
      // The primary last: the standby has its shutdown record then.
      await primary.postgres.stop('fast', 10_000)
      await standby.postgres.stop('fast', 10_000)
      await this.#copy(primary.paths.data, templates[0])
      await this.#copy(standby.paths.data, templates[1])
      this.#hasPair = true
    }
    await this.startPrimary(primary)
    await this.follow(standby, primary)
    await standby.postgres.start('standby', 20_000)
    await this.awaitStreaming(standby)
    return [primary, standby]
  }

  /** Keeps the owner, and shares the blocks where the file system can. */
  async #copy(from: string, to: string): Promise<void> {
    await promisify(execFile)('cp', ['-a', '--reflink=auto', from, to])
  }

  /** Starts `node` as a primary that waits for nobody, open, under a deadline of one hour. */
  async startPrimary(node: LabNode, changes: Partial<ServerConfig> = {}): Promise<void> {
    await this.arm(node)
    await node.postgres.configure({ ...openAndEmpty, ...changes })
    await node.postgres.start('primary', 20_000)
  }

  async arm(node: LabNode, forMs = hourMs): Promise<void> {
    await node.guard.arm((systemClock.monotonicMs() + forMs) as MonotonicMs)
  }

  /** A standby of `primary` by clone, streaming. */
  async addStandby(name: string, primary: LabNode): Promise<LabNode> {
    const node = await this.node(name)
    await this.join(node, primary)
    return node
  }

  /** Makes `node` a standby of `primary` by clone; returns when it streams. */
  async join(node: LabNode, primary: LabNode): Promise<void> {
    await primary.postgres.ensureSlots([node.options.node], 5000)
    await node.postgres.clone(this.upstream(primary, node), () => undefined, neverAborted())
    await this.follow(node, primary)
    await node.postgres.start('standby', 20_000)
    await this.awaitStreaming(node)
  }

  async follow(node: LabNode, primary: LabNode): Promise<void> {
    await node.postgres.configure({
      upstream: this.upstream(primary, node),
      sync: { kind: 'nobody' },
      gate: 'open',
    })
  }

  async awaitStreaming(node: LabNode): Promise<void> {
    await waitFor(
      `${node.name} streams`,
      () => node.postgres.observe(2000),
      (seen) => seen.kind === 'standby' && seen.isStreaming,
    )
  }

  upstream(primary: LabNode, node: LabNode): Upstream {
    return {
      node: primary.options.node,
      host: primary.options.host,
      port: primary.options.port,
      slotName: slotNameOf(node.options.node),
      applicationName: node.incarnation,
    }
  }

  /** A connected client over TCP, closed with the lab. */
  async client(
    node: LabNode,
    as: { readonly user: string; readonly password: string; readonly database?: string } = {
      user: roles.superuser,
      password: labSecrets.superuser,
    },
  ): Promise<pg.Client> {
    const client = new pg.Client({
      host: node.options.host,
      port: node.options.port,
      user: as.user,
      password: as.password,
      database: as.database ?? 'postgres',
      connectionTimeoutMillis: 5000,
    })
    client.on('error', () => undefined)
    this.#clients.push(client)
    await client.connect()
    return client
  }

  /** Runs one statement as the superuser and returns its rows. */
  async sql<Row extends pg.QueryResultRow>(node: LabNode, text: string): Promise<Row[]> {
    const client = await this.client(node)
    try {
      return (await client.query<Row>(text)).rows
    } finally {
      await client.end()
    }
  }

  /** Ends every process of every node and removes their files; the lab can be used again. */
  async reset(): Promise<void> {
    for (const agent of this.#agents.splice(0)) agent.kill('SIGKILL')
    for (const client of this.#clients.splice(0)) void client.end().catch(() => undefined)
    const nodes = this.#nodes.splice(0)
    await Promise.all(nodes.map((node) => this.#end(node)))
    for (const pid of this.#guardPids) {
      if (!isProcessAlive(pid)) continue
      signalProcess(pid, 'SIGCONT')
      signalProcess(pid, 'SIGKILL')
    }
    this.#guardPids.clear()
    for (const { paths, options } of nodes) {
      await endDirectoryProcesses(resolveDataDirectory(paths.data), 100, 10_000)
      await removeRecordedMemory(path.join(options.nodeDirectory, sharedMemoryRecordName))
      await rm(options.nodeDirectory, { recursive: true, force: true, maxRetries: 5 })
      await rm(options.socketDirectory, { recursive: true, force: true })
    }
  }

  async #end(node: LabNode): Promise<void> {
    this.remember(node)
    await node.postgres.close()
    await node.guard.stop('immediate', 5000).catch(() => undefined)
    await node.guard.dispose().catch(() => undefined)
  }

  /** `reset`, and the lab's own files too. */
  async close(): Promise<void> {
    await this.reset()
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

const scratchMinBytes = 3 * 2 ** 30

/** Memory where there is enough of it: these tests sync a lot, and prove nothing about the disk. */
async function scratchFolder(): Promise<string> {
  const inMemory = '/dev/shm'
  try {
    const { bavail, bsize } = await statfs(inMemory)
    if (bavail * bsize > scratchMinBytes) return inMemory
  } catch {
    // No such folder on this system.
  }
  return tmpdir()
}

export const openAndEmpty: ServerConfig = {
  upstream: null,
  sync: { kind: 'list', list: { count: 0, members: [] } },
  gate: 'open',
}

export const closedAndNobody: ServerConfig = {
  upstream: null,
  sync: { kind: 'nobody' },
  gate: 'closed',
}

export function anyOf(count: number, ...nodes: readonly LabNode[]): SyncSetting {
  return {
    kind: 'list',
    list: makeList(
      count,
      nodes.map((node) => node.incarnation),
    ),
  }
}

export function neverAborted(): AbortSignal {
  return new AbortController().signal
}
