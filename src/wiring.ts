// The composition root: the only file that joins adapters to the rest.

import { isIP } from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createAgent } from './agent/agent.ts'
import { createBalancer } from './agent/balancing/balancer.ts'
import { checkEtcd } from './adapters/etcd/program.ts'
import { createEtcdClusterStore } from './adapters/etcd/cluster-store.ts'
import { createEtcdMember } from './adapters/etcd/member.ts'
import { createGuardClient } from './adapters/guard/guard-client.ts'
import { createHaproxy } from './adapters/haproxy/proxy.ts'
import { checkHaproxy } from './adapters/haproxy/program.ts'
import { createKeepalived } from './adapters/keepalived/keepalived.ts'
import { checkKeepalived } from './adapters/keepalived/program.ts'
import {
  checkStandalone as checkHaproxyFiles,
  renderStandalone as haproxyFiles,
} from './adapters/haproxy/standalone.ts'
import { createCaller } from './adapters/http/call.ts'
import { createStatusClient } from './adapters/http/client.ts'
import { createPeers } from './adapters/http/peers.ts'
import { createAgentServer } from './adapters/http/server.ts'
import { createSigner } from './adapters/http/signature.ts'
import { observeAddresses } from './adapters/keepalived/addresses.ts'
import {
  checkStandalone as checkKeepalivedFiles,
  renderStandalone as keepalivedFiles,
} from './adapters/keepalived/standalone.ts'
import { findBinaries } from './adapters/postgres/binaries.ts'
import { assertReachable, resolveDatabaseUser } from './adapters/postgres/database-user.ts'
import type { DatabaseUser } from './adapters/postgres/database-user.ts'
import { nodePathsOf } from './adapters/postgres/options.ts'
import { createPostgres } from './adapters/postgres/postgres.ts'
import { systemClock } from './adapters/system/clock.ts'
import { claimDirectory } from './adapters/system/directory-claim.ts'
import type { DirectoryClaim } from './adapters/system/directory-claim.ts'
import { createJournal } from './adapters/system/journal.ts'
import { openLocalState } from './adapters/system/local-state.ts'
import { systemRandom } from './adapters/system/random.ts'
import type { AgentOptions, RenderedBalancer, RenderOptions } from './cli/context.ts'
import { loadSpec } from './config/load.ts'
import type { LoadedSpec } from './config/load.ts'
import { serverConnections } from './config/connections.ts'
import { isLoopback } from './config/ports.ts'
import { readSecrets } from './config/secrets.ts'
import type { Secrets } from './config/secrets.ts'
import type { ClusterSpec } from './config/schema.ts'
import type { NodeLayout } from './core/cluster-layout.ts'
import { nodeIn, votersOf } from './core/cluster-layout.ts'
import type { NodeName } from './core/names.ts'
import { allProtections } from './core/protections.ts'
import { makeFolders } from './host/files.ts'
import { assertPortsFree } from './runtimes/local/port-check.ts'
import { clusterPathsOf, resolveHome } from './runtimes/local/paths.ts'
import { createLocalRuntime } from './runtimes/local/runtime.ts'
import { siteOf } from './runtimes/local/site.ts'
import { runSupervisor } from './runtimes/local/supervisor.ts'
import type { Runtime } from './runtimes/runtime.ts'
import { messageOf, PgherdError } from './lib/errors.ts'
import type { AgentApi } from './ports/agent-api.ts'
import type { Journal } from './ports/journal.ts'
import type { HelloAnswer, Peers } from './ports/peers.ts'
import type { Vip } from './ports/vip.ts'
import type { StoreMember } from './ports/store-member.ts'

/** This program's version; the bundle gets it from package.json. */
export const version: string = process.env['PGHERD_VERSION'] ?? '0.1.0'

/** Found on the PATH. */
const etcdProgram = 'etcd'
const haproxyProgram = 'haproxy'
const keepalivedProgram = 'keepalived'
/** How often the guard writes and syncs its small file. */
const diskProbePeriodMs = 1000
const socketPathBytesMax = 107
/** The longest name that a socket gets in the socket directory. */
const longestSocketName = '.s.PGSQL.65535'

/** Everything that is known before the first adapter is made. */
type Ground = {
  readonly loaded: LoadedSpec
  readonly self: NodeLayout
  readonly secrets: Secrets
  readonly directory: string
  readonly sockets: string
  readonly user: DatabaseUser | null
  readonly journal: Journal & { close(): void }
  readonly claim: DirectoryClaim
}

type Runnable = {
  readonly api: AgentApi & { run(signal: AbortSignal): Promise<void> }
  /** Ends what would keep the process alive: connections, and a guard that guards nothing any more. */
  close(): Promise<void>
}

/**
 * Runs the agent of one node until `signal` aborts and the node has stopped cleanly.
 * @throws PgherdError for everything that a person has to correct first
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const ground = await prepare(options)
  const { layout } = ground.loaded
  const { self, journal } = ground
  const signer = createSigner(ground.secrets.api)
  const caller = createCaller(systemClock, signer)
  const store = createEtcdClusterStore({
    cluster: layout.cluster,
    endpoints: endpointsFor(ground),
    plan: layout.plan,
    log: (message) => {
      journal.log('info', message)
    },
  })
  const peers = createPeers(caller, layout)
  if (self.isVoter) await checkEtcd(etcdProgram)
  let runnable: Runnable | null = null
  const member = makeMember(ground, peers, () => runnable?.api.onHello() ?? null)
  const stack = { store, peers, member }
  runnable =
    self.role === 'balancer' ? await makeBalancer(ground, stack) : await makeNode(ground, stack)
  const server = createAgentServer(systemClock, runnable.api, signer, {
    address: { host: self.host, port: self.apiPort },
    bindHost: isLoopback(self.host) ? self.host : null,
    onError: (error) => {
      journal.log('error', `the API failed: ${messageOf(error)}`)
    },
  })
  await listen(server, self)
  try {
    await runnable.api.run(signal)
  } finally {
    await server.close()
    await runnable.close()
    store.close()
    caller.close()
    journal.close()
    ground.claim.release()
  }
}

type Stack = {
  readonly store: ReturnType<typeof createEtcdClusterStore>
  readonly peers: Peers
  readonly member: StoreMember
}

async function prepare(options: AgentOptions): Promise<Ground> {
  const loaded = await loadSpec(options.specFile)
  const self = nodeIn(loaded.layout, options.node)
  const home = path.dirname(path.resolve(options.specFile))
  const secrets = await readSecrets(path.join(home, 'secrets'))
  const directory = path.resolve(options.dataDirectory ?? path.join(home, 'nodes', self.name))
  const sockets = path.resolve(options.socketDirectory ?? path.join(home, 'run', self.name))
  checkSocketPath(sockets)
  await makeDirectory(directory)
  await makeDirectory(sockets)
  const user = await resolveDatabaseUser()
  if (self.role !== 'balancer') {
    await assertReachable(directory, user)
    await assertReachable(sockets, user)
  }
  const claim = await claimDirectory(directory, {
    cluster: loaded.layout.cluster,
    node: self.name,
  })
  assertPortsFree(loaded.layout, self, directory)
  const journal = openJournal(self.name, directory)
  for (const warning of loaded.warnings) journal.log('warn', warning)
  return { loaded, self, secrets, directory, sockets, user, journal, claim }
}

/**
 * The supervisor of the local runtime names a log file; systemd and containers keep what is printed, and
 * then the events belong into it too.
 */
function openJournal(node: NodeName, directory: string): Journal & { close(): void } {
  const file = process.env['PGHERD_LOG_FILE']
  const events = path.join(directory, 'logs')
  if (file !== undefined) return createJournal({ node, directory: events, log: { file } })
  const journal = createJournal({ node, directory: events, log: 'stdout' })
  return {
    ...journal,
    record: (event) => {
      journal.record(event)
      const { id, epoch, ruleId } = event
      journal.log('info', event.message, { event: id, epoch, ruleId })
    },
  }
}

function checkSocketPath(sockets: string): void {
  const longest = path.join(sockets, longestSocketName)
  if (Buffer.byteLength(longest) <= socketPathBytesMax) return
  throw new PgherdError({
    code: 'PGHERD_SOCKET_PATH_TOO_LONG',
    reason: 'configuration',
    message: `the path of the sockets is too long: ${sockets}`,
    because: `a socket's path may have ${String(socketPathBytesMax)} bytes, this one has ${String(Buffer.byteLength(longest))}`,
    hint: 'give a shorter folder with --socket-dir, as /run/pgherd',
  })
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await makeFolders(directory, 0o755)
  } catch (error) {
    throw new PgherdError({
      code: 'PGHERD_DIRECTORY_UNWRITABLE',
      reason: 'system',
      message: `the folder ${directory} cannot be made`,
      because: messageOf(error),
      hint: 'choose another place with PGHERD_HOME or --data-dir, or change its owner',
      cause: error,
    })
  }
}

/** The own member first: it answers fastest and lives as long as this node. */
function endpointsFor(ground: Ground): readonly { readonly host: string; readonly port: number }[] {
  const voters = votersOf(ground.loaded.layout)
  const ordered = [
    ...voters.filter((voter) => voter.name === ground.self.name),
    ...voters.filter((voter) => voter.name !== ground.self.name),
  ]
  return ordered.flatMap((voter) =>
    voter.storeClientPort === null ? [] : [{ host: voter.host, port: voter.storeClientPort }],
  )
}

/** How long the agent of another node may take to say what it has of a cluster. */
const askNodeMs = 1000

/** @param own what this node's own agent would answer; null while it is being made */
function makeMember(ground: Ground, peers: Peers, own: () => HelloAnswer | null): StoreMember {
  const { loaded, self, directory, user, journal } = ground
  // A balancer that does not vote keeps nothing that could tell of a cluster.
  const asked = loaded.layout.nodes.filter((node) => node.isVoter || node.role !== 'balancer')
  return createEtcdMember({
    layout: loaded.layout,
    node: self.name,
    directory: path.join(directory, 'store'),
    markerFile: path.join(directory, 'store.json'),
    logFile: path.join(directory, 'logs', 'etcd.log'),
    program: etcdProgram,
    runAs: user,
    askNodes: () =>
      Promise.all(
        asked.map(async ({ name }) => {
          const answer =
            name === self.name ? own() : await peers.hello(name, askNodeMs).catch(() => null)
          const { traces = null, foundingToken = null } = answer ?? {}
          return { node: name, traces, foundingToken }
        }),
      ),
    log: (level, message, fields) => {
      journal.log(level, message, fields)
    },
  })
}

async function makeNode(ground: Ground, stack: Stack): Promise<Runnable> {
  const { loaded, self, directory, journal } = ground
  const localState = await openLocalState(path.join(directory, 'state.json'))
  const data = self.role === 'data' ? await makeData(ground) : null
  const api = createAgent(
    { clock: systemClock, random: systemRandom, journal, localState, data, ...stack },
    { layout: loaded.layout, node: self.name, version, protections: allProtections },
  )
  return {
    api,
    close: async () => {
      await data?.postgres.close()
      await data?.guard.dispose()
    },
  }
}

async function makeData(ground: Ground): Promise<{
  postgres: ReturnType<typeof createPostgres>
  guard: ReturnType<typeof createGuardClient>
}> {
  const { loaded, self, secrets, directory, sockets, user, journal } = ground
  const { spec, layout } = loaded
  const binaries = await findBinaries({
    binDir: spec.postgres.binDir,
    version: spec.postgres.version,
  })
  for (const warning of binaries.warnings) journal.log('warn', warning)
  const paths = nodePathsOf(directory)
  const guard = createGuardClient({
    programFile: path.join(bundleDirectory(), 'guard.mjs'),
    dataDirectory: paths.data,
    socketPath: path.join(sockets, 'guard'),
    pidFile: path.join(directory, 'guard.pid'),
    logFile: path.join(directory, 'logs', 'guard.log'),
    killAfterMs: layout.plan.killAfterMs,
    diskProbePeriodMs,
  })
  const isLocal = layout.nodes.every((node) => isLoopback(node.host))
  const postgres = createPostgres(
    {
      cluster: layout.cluster,
      node: self.name,
      nodeDirectory: directory,
      socketDirectory: sockets,
      host: self.host,
      port: self.postgresPort ?? 5432,
      binaries,
      runAs: user,
      plan: layout.plan,
      secrets,
      application: { database: spec.postgres.database, user: spec.postgres.user },
      locale: spec.postgres.locale,
      encoding: spec.postgres.encoding,
      parameters: spec.postgres.parameters,
      slotCapMb: spec.wal.slotCapMb,
      clusterHosts: [...new Set(layout.nodes.map((node) => node.host))],
      allowFrom: spec.postgres.allowFrom ?? (isLocal ? ['samehost'] : ['samenet']),
    },
    {
      clock: systemClock,
      process: guard,
      log: (message, fields) => {
        journal.log('info', message, fields)
      },
    },
  )
  return { postgres, guard }
}

async function makeBalancer(ground: Ground, stack: Stack): Promise<Runnable> {
  const { loaded, self, secrets, directory, sockets, journal } = ground
  const binary = haproxyProgram
  await checkHaproxy(binary)
  const proxyDirectory = path.join(directory, 'haproxy')
  const logDirectory = path.join(directory, 'logs')
  await makeDirectory(proxyDirectory)
  await makeDirectory(logDirectory)
  const proxy = createHaproxy(systemClock, journal, {
    binary,
    layout: loaded.layout,
    bindHost: isLoopback(self.host) ? self.host : null,
    ...haproxyLimits(loaded.spec),
    stats: statsOf(self, secrets.balancer),
    runAs: ground.user,
    directory: proxyDirectory,
    configFile: path.join(proxyDirectory, 'haproxy.cfg'),
    stateFile: path.join(proxyDirectory, 'server-state'),
    pidFile: path.join(directory, 'haproxy.pid'),
    socketPath: path.join(sockets, 'haproxy'),
    logFile: path.join(logDirectory, 'haproxy.log'),
  })
  const api = createBalancer(
    {
      clock: systemClock,
      random: systemRandom,
      journal,
      proxy,
      vip: await makeVip(ground),
      ...stack,
    },
    { layout: loaded.layout, node: self.name, version },
  )
  return { api, close: async () => undefined }
}

/** Null: the balancers of this cluster share no address. */
async function makeVip({ loaded, self, directory, journal }: Ground): Promise<Vip | null> {
  if (loaded.layout.vip === null) return null
  await checkKeepalived(keepalivedProgram)
  const folder = path.join(directory, 'keepalived')
  await makeDirectory(folder)
  return createKeepalived(systemClock, journal, {
    binary: keepalivedProgram,
    layout: loaded.layout,
    node: self.name,
    directory: folder,
    configFile: path.join(folder, 'keepalived.conf'),
    scriptFile: path.join(folder, 'check-haproxy.sh'),
    trackFile: path.join(folder, 'fitness'),
    ownPidFile: path.join(folder, 'keepalived.own.pid'),
    vrrpPidFile: path.join(folder, 'vrrp.pid'),
    pidFile: path.join(directory, 'keepalived.pid'),
    logFile: path.join(directory, 'logs', 'keepalived.log'),
  })
}

async function listen(server: { listen(): Promise<void> }, self: NodeLayout): Promise<void> {
  try {
    await server.listen()
  } catch (error) {
    throw new PgherdError({
      code: 'PGHERD_PORT_TAKEN',
      reason: 'system',
      message: `the agent of ${self.name} cannot listen on ${self.host}:${String(self.apiPort)}`,
      because: messageOf(error),
      hint: 'end the program that uses the port, or name another apiPort in the spec',
      cause: error,
    })
  }
}

/** @throws PgherdError as `CliServices` says */
export async function renderBalancer(options: RenderOptions): Promise<RenderedBalancer> {
  const { loaded, node, statsPassword } = options
  const { spec, layout } = loaded
  const self = nodeIn(layout, node)
  const haproxy = haproxyFiles(layout, {
    ...haproxyLimits(spec),
    stats: statsOf(self, statsPassword),
  })
  const checked = await checkHaproxyFiles(haproxyProgram, haproxy)
  if (layout.vip === null) return { files: haproxy, checks: [checked] }
  const { addresses, networkInterface } = await observeAddresses(layout, layout.vip, node).catch(
    (error: unknown) => {
      throw new PgherdError({
        code: 'PGHERD_ADDRESS_UNKNOWN',
        reason: 'configuration',
        message: 'the host of a balancer has no address that is known here',
        because: messageOf(error),
        hint: 'give IP addresses as hosts of the balancers, or run this where their names are known',
        cause: error,
      })
    },
  )
  if (networkInterface === null) {
    throw new PgherdError({
      code: 'PGHERD_INTERFACE_UNKNOWN',
      reason: 'configuration',
      message: `the network interface of ${node} is not known`,
      because: `the spec names none, and this machine does not have ${String(addresses.get(node))}`,
      hint: 'set balancer.interface, or interface of the node; on that host: ip -brief address',
    })
  }
  const settings = { node, addresses, networkInterface }
  return {
    files: [...haproxy, ...keepalivedFiles(layout, settings)],
    checks: [checked, await checkKeepalivedFiles(keepalivedProgram, layout, settings)],
  }
}

function haproxyLimits(spec: ClusterSpec) {
  return {
    connectionsMax: spec.balancer.connectionsMax,
    serverConnections: serverConnections(spec),
    readLagMaxMb: spec.balancer.readLagMaxMb,
  }
}

/** At the node's own address; where that is a name, which might mean loopback there, at every one. */
function statsOf({ host }: NodeLayout, password: string | null) {
  return password === null ? null : { bindHost: isIP(host) === 0 ? null : host, password }
}

type Environment = Readonly<Record<string, string | undefined>>

/** The runtime that commands work with. Nothing is read or made before one of its verbs is called. */
export function createRuntime(environment: Environment): Runtime {
  const program = {
    execPath: process.execPath,
    directory: bundleDirectory(),
    main: 'pgherd.mjs',
    files: ['pgherd.mjs', 'guard.mjs', 'dialer.mjs'],
  }
  return createLocalRuntime({
    clock: systemClock,
    home: resolveHome(environment),
    isHomeOurs: environment['PGHERD_HOME'] === undefined,
    resolveOwner: () => resolveDatabaseUser(),
    program,
    checkPrograms,
    connect: (secret, dialer) =>
      createStatusClient(createCaller(systemClock, createSigner(secret), dialer)),
  })
}

/** The bundle's own folder; from the sources, the folder that `npm run build` fills. */
function bundleDirectory(): string {
  const file = fileURLToPath(import.meta.url)
  return file.endsWith('.ts') ? path.resolve(path.dirname(file), '..', 'dist') : path.dirname(file)
}

async function checkPrograms({ spec, layout }: LoadedSpec): Promise<{ postgresMajor: number }> {
  const { binDir, version: major } = spec.postgres
  const [binaries] = await Promise.all([
    findBinaries({ binDir, version: major }),
    checkEtcd(etcdProgram),
    layout.nodes.some((node) => node.role === 'balancer') ? checkHaproxy(haproxyProgram) : null,
    layout.vip === null ? null : checkKeepalived(keepalivedProgram),
  ])
  return { postgresMajor: binaries.version.major }
}

async function enterOf(
  home: string,
  cluster: string,
  nodes: readonly string[],
): Promise<(node: string) => readonly string[]> {
  const paths = clusterPathsOf(home, cluster, nodes)
  const site = siteOf(paths, (await loadSpec(paths.specFile)).layout)
  return (node) => site.enter(node)
}

/** What `pgherd supervise` runs, which only `up` starts: words after the command's name. */
export async function runSupervise(words: readonly string[], signal: AbortSignal): Promise<void> {
  const [, home = '', , cluster = '', ...nodes] = words
  await runSupervisor(
    {
      home,
      cluster,
      nodes,
      enter: await enterOf(home, cluster, nodes),
      execPath: process.execPath,
      bundle: path.join(bundleDirectory(), 'pgherd.mjs'),
      log: (message) => {
        console.log(`${new Date().toISOString()} ${message}`)
      },
    },
    signal,
  )
}
