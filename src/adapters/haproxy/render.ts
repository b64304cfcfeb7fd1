// The configuration of HAProxy as text, a pure function of the cluster's layout. Written for 2.4 to 3.0.

import { balancersOf, dataNodesOf } from '../../core/cluster-layout.ts'
import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import { bindAddress, bracketed } from './bind-address.ts'
import { checkTimingOf } from './check-timing.ts'
import { renderHealth, renderStats } from './render-frontends.ts'

export type HaproxySettings = {
  /** Unix socket for commands to the running program. */
  readonly socketPath: string
  /**
   * Where the states of servers are read from at start. Null: no agent looks after this HAProxy, and its
   * checks alone find the primary.
   */
  readonly stateFile: string | null
  /** Where clients connect; null: every address of the machine. */
  readonly bindHost: string | null
  /** Connections per endpoint. */
  readonly connectionsMax: number
  /** Connections to each PostgreSQL; what is beyond waits for a free one. */
  readonly serverConnections: {
    readonly writeMax: number
    readonly readMax: number
    /** Reads that lead to the primary, besides its writes. */
    readonly fallbackMax: number
  }
  /** A standby further behind gets no new reads; null: no limit. */
  readonly readLagMaxMb: number | null
  /** Null: no statistics. */
  readonly stats: {
    /** Null: every address of the machine. */
    readonly bindHost: string | null
    /** Letters, digits, `-` and `_`. */
    readonly password: string
  } | null
  /** Whom HAProxy becomes after it has opened its ports; null: it stays what we are. */
  readonly runAs:
    | { readonly uid: number; readonly gid: number }
    | { readonly user: string; readonly group: string }
    | null
}

/** Names of the two listeners, as commands and statistics show them. */
export const writeProxy = 'write'
export const readProxy = 'read'
/** Where the checks are that decide where writes go. No client gets there: `write` follows it. */
export const primaryProxy = 'primary'

/** Besides the nodes, `write` has a server with nobody behind it, where clients wait. */
const holdServer = '_hold'
/** Refuses every connection: tcpmux, which nothing listens to, on the loopback address. */
const refusingAddress = '127.0.0.1:1'

/** Statistics, metrics and the health frontend need some connections besides the clients'. */
const spareConnectionCount = 100

/**
 * The whole file.
 * @throws RangeError when the layout has no endpoints
 */
export function renderConfig(layout: ClusterLayout, settings: HaproxySettings): string {
  const { write, read } = layout.endpoints
  const ports = layout.balancerPorts
  if (write === null || read === null || ports === null) {
    throw new RangeError('the layout has no endpoints')
  }
  const { stats } = settings
  return [
    `# Written by pgherd for cluster ${layout.cluster}. Changes are overwritten.`,
    ...renderGlobal(settings),
    ...renderDefaults(layout, settings),
    ...renderPrimary(layout),
    ...renderWrite(layout, write.port, settings),
    ...renderRead(layout, read.port, settings),
    ...renderHealth(ports.health, primaryProxy, readProxy),
    ...(stats === null
      ? []
      : renderStats(stats.bindHost, ports.stats, hasIpv6(layout), stats.password)),
    '',
  ].join('\n')
}

/**
 * Server states for a first start: HAProxy would otherwise take every server for usable until its first
 * failed check, and send writes to a standby.
 */
export function renderClosedState(layout: ClusterLayout): string {
  const lines = dataNodesOf(layout).map((node, index) =>
    [
      ...[proxyId.primary, primaryProxy, index + 1, node.name, '-', 0, 0, 1, 1, 1],
      // Status 8 is "connection problem". With 0, "unknown", HAProxy 2.6 ignores what later checks find.
      ...[8, 2, 0, 6, 0, 1, 1, '-', node.postgresPort, '-', 0, node.apiPort, '-', '-', 0],
    ].join(' '),
  )
  return `1\n# ${stateColumns.join(' ')}\n${lines.join('\n')}\n`
}

const proxyId = { write: 1, read: 2, primary: 3 } as const

const stateColumns = [
  ...['be_id', 'be_name', 'srv_id', 'srv_name', 'srv_addr', 'srv_op_state', 'srv_admin_state'],
  ...['srv_uweight', 'srv_iweight', 'srv_time_since_last_change', 'srv_check_status'],
  ...['srv_check_result', 'srv_check_health', 'srv_check_state', 'srv_agent_state'],
  ...['bk_f_forced_id', 'srv_f_forced_id', 'srv_fqdn', 'srv_port', 'srvrecord', 'srv_use_ssl'],
  ...['srv_check_port', 'srv_check_addr', 'srv_agent_addr', 'srv_agent_port'],
]

function renderGlobal(settings: HaproxySettings): readonly string[] {
  return [
    'global',
    `  maxconn ${String(settings.connectionsMax * 2 + spareConnectionCount)}`,
    `  stats socket ${settings.socketPath} mode 600 level admin expose-fd listeners`,
    '  stats timeout 10s',
    ...renderOwner(settings.runAs),
    // With an agent the output goes to a file of its own, and the agent knows what changes.
    ...(settings.stateFile === null ? ['  log stdout format raw daemon notice'] : []),
    ...(settings.stateFile === null ? [] : [`  server-state-file ${settings.stateFile}`]),
    '  # After a reload, sessions of the old process may go on for this long.',
    '  hard-stop-after 1h',
  ]
}

function renderOwner(runAs: HaproxySettings['runAs']): readonly string[] {
  if (runAs === null) return []
  return 'user' in runAs
    ? [`  user ${runAs.user}`, `  group ${runAs.group}`]
    : [`  uid ${String(runAs.uid)}`, `  gid ${String(runAs.gid)}`]
}

function renderDefaults(layout: ClusterLayout, settings: HaproxySettings): readonly string[] {
  const timing = checkTimingOf(layout.plan)
  return [
    '',
    'defaults',
    '  mode tcp',
    settings.stateFile === null ? '  log global' : '  load-server-state-from-file global',
    `  timeout connect ${String(timing.connectTimeoutMs)}ms`,
    `  timeout check ${String(timing.timeoutMs)}ms`,
    '  # Pools keep idle connections for hours; a dead peer is found by keepalive, not by idleness.',
    '  timeout client 24h',
    '  timeout server 24h',
    '  timeout client-fin 30s',
    '  timeout server-fin 30s',
    '  # So long a client waits for a connection of PostgreSQL when all are in use, then it is refused.',
    '  timeout queue 5s',
    '  option clitcpka',
    '  clitcpka-idle 60s',
    '  clitcpka-intvl 10s',
    '  clitcpka-cnt 6',
    '  option srvtcpka',
    '  srvtcpka-idle 10s',
    '  srvtcpka-intvl 5s',
    '  srvtcpka-cnt 3',
    '  # A refused connection is tried at another usable server at once.',
    '  option redispatch 1',
    '  retries 2',
  ]
}

function renderPrimary(layout: ClusterLayout): readonly string[] {
  const timing = checkTimingOf(layout.plan)
  return [
    '',
    `backend ${primaryProxy}`,
    `  id ${String(proxyId.primary)}`,
    '  option httpchk OPTIONS /primary',
    '  http-check expect status 200',
    renderDefaultServer(timing.writeCheckMs, timing.writeFall),
    ...dataNodesOf(layout).map((node, index) => renderCheckedServer(node, index, null)),
  ]
}

/**
 * A connection that finds no primary, or one that is just dying, is held: HAProxy queues only for servers
 * that are up, and evaluates `tcp-request` anew only when the client sends something, so it is made to try
 * again and again instead, at a server that refuses while there is no other.
 */
function renderWrite(
  layout: ClusterLayout,
  port: number,
  settings: HaproxySettings,
): readonly string[] {
  const timing = checkTimingOf(layout.plan)
  return [
    '',
    `listen ${writeProxy}`,
    `  id ${String(proxyId.write)}`,
    `  bind ${bindAddress(settings.bindHost, port, hasIpv6(layout))}`,
    `  maxconn ${String(settings.connectionsMax)}`,
    ...(settings.stateFile === null ? renderOnlyOne() : []),
    `  # A client that connects during a failover waits, ${String(timing.holdMs)} ms at most: a try every`,
    '  # "timeout connect", each at the server that is up then; the last one refuses at once.',
    `  timeout connect ${String(timing.holdTryMs)}ms`,
    `  retries ${String(Math.ceil(timing.holdMs / timing.holdTryMs))}`,
    '  option redispatch 1',
    '  # Who has gone meanwhile is not led to the new primary.',
    '  option abortonclose',
    '  default-server on-marked-down shutdown-sessions init-addr last,libc,none',
    ...dataNodesOf(layout).map(
      (node, index) =>
        `  server ${node.name} ${addressOf(node)} id ${String(index + 1)}` +
        ` maxconn ${String(settings.serverConnections.writeMax)}` +
        ` track ${primaryProxy}/${node.name}`,
    ),
    `  server ${holdServer} ${refusingAddress} id ${String(dataNodesOf(layout).length + 1)} backup`,
  ]
}

/**
 * Without a state file every server counts as usable until its first check, and nobody closes a former
 * primary before its checks do: a session that is refused then is better than one that is led astray.
 */
function renderOnlyOne(): readonly string[] {
  return [
    '  # While more than one server seems to take writes, it is not known which one does.',
    `  tcp-request connection reject if { nbsrv(${primaryProxy}) gt 1 }`,
  ]
}

function renderRead(
  layout: ClusterLayout,
  port: number,
  settings: HaproxySettings,
): readonly string[] {
  const timing = checkTimingOf(layout.plan)
  const nodes = dataNodesOf(layout)
  return [
    '',
    `listen ${readProxy}`,
    `  id ${String(proxyId.read)}`,
    `  bind ${bindAddress(settings.bindHost, port, hasIpv6(layout))}`,
    `  maxconn ${String(settings.connectionsMax)}`,
    '  balance leastconn',
    `  option httpchk OPTIONS /replica${lagLimit(settings)}`,
    '  http-check expect status 200',
    renderDefaultServer(timing.readCheckMs, timing.readFall),
    ...nodes.map((node, index) =>
      renderCheckedServer(node, index, settings.serverConnections.readMax),
    ),
    '  # Without any standby, reads go where writes go. What both may open is one sum.',
    ...nodes.map(
      (node, index) =>
        `  server ${node.name}-primary ${addressOf(node)} id ${String(nodes.length + index + 1)}` +
        ` maxconn ${String(settings.serverConnections.fallbackMax)}` +
        ` track ${primaryProxy}/${node.name} backup`,
    ),
  ]
}

function lagLimit({ readLagMaxMb }: HaproxySettings): string {
  return readLagMaxMb === null ? '' : `?lag=${String(readLagMaxMb)}MB`
}

function renderDefaultServer(checkMs: number, fall: number): string {
  const period = `${String(checkMs)}ms`
  return (
    `  default-server inter ${period} fastinter ${period} downinter ${period}` +
    ` fall ${String(fall)} rise 1 on-marked-down shutdown-sessions init-addr last,libc,none`
  )
}

/** @param connectionsMax null: no connections are made to this one */
function renderCheckedServer(
  node: NodeLayout,
  index: number,
  connectionsMax: number | null,
): string {
  const check = `check port ${String(node.apiPort)}`
  const limit = connectionsMax === null ? '' : ` maxconn ${String(connectionsMax)}`
  return `  server ${node.name} ${addressOf(node)} id ${String(index + 1)}${limit} ${check}`
}

function addressOf(node: NodeLayout): string {
  return `${bracketed(node.host)}:${String(node.postgresPort)}`
}

/** Clients reach a balancer that has an IPv6 address, or shares one, by that. */
function hasIpv6(layout: ClusterLayout): boolean {
  const { write, read } = layout.endpoints
  const hosts = [write?.host, read?.host, ...balancersOf(layout).map((node) => node.host)]
  return hosts.some((host) => host?.includes(':') === true)
}
