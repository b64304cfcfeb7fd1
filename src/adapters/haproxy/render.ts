// The configuration of HAProxy as text, a pure function of the cluster's layout. Written for 2.4 to 3.0.

import { dataNodesOf } from '../../core/cluster-layout.ts'
import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import { checkTimingOf } from './check-timing.ts'

export type HaproxySettings = {
  /** Unix socket for commands to the running program. */
  readonly socketPath: string
  /** Where the states of servers are read from at start. */
  readonly stateFile: string
  /** Where clients connect; null: every IPv4 address of the machine. */
  readonly bindHost: string | null
  /** Connections per endpoint. */
  readonly connectionsMax: number
  /** Whom HAProxy becomes after it has opened its ports; null: it stays what we are. */
  readonly runAs: { readonly uid: number; readonly gid: number } | null
}

/** Names of the two listeners, as commands and statistics show them. */
export const writeProxy = 'write'
export const readProxy = 'read'

/** Checks, health commands and metrics need some connections besides the clients'. */
const spareConnectionCount = 100

/**
 * The whole file.
 * @throws RangeError when the layout has no endpoints
 */
export function renderConfig(layout: ClusterLayout, settings: HaproxySettings): string {
  const { write, read } = layout.endpoints
  if (write === null || read === null) throw new RangeError('the layout has no endpoints')
  return [
    `# Written by pgherd for cluster ${layout.cluster}. Changes are overwritten.`,
    ...renderGlobal(settings),
    ...renderDefaults(layout),
    ...renderWrite(layout, write.port, settings),
    ...renderRead(layout, read.port, settings),
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
      ...[proxyId.write, writeProxy, index + 1, node.name, '-', 0, 0, 1, 1, 1],
      // Status 8 is "connection problem". With 0, "unknown", HAProxy 2.6 ignores what later checks find.
      ...[8, 2, 0, 6, 0, 1, 1, '-', node.postgresPort, '-', 0, node.apiPort, '-', '-', 0],
    ].join(' '),
  )
  return `1\n# ${stateColumns.join(' ')}\n${lines.join('\n')}\n`
}

const proxyId = { write: 1, read: 2 } as const

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
    ...(settings.runAs === null
      ? []
      : [`  uid ${String(settings.runAs.uid)}`, `  gid ${String(settings.runAs.gid)}`]),
    `  server-state-file ${settings.stateFile}`,
    '  # After a reload, sessions of the old process may go on for this long.',
    '  hard-stop-after 1h',
  ]
}

function renderDefaults(layout: ClusterLayout): readonly string[] {
  const timing = checkTimingOf(layout.plan)
  return [
    '',
    'defaults',
    '  mode tcp',
    '  load-server-state-from-file global',
    `  timeout connect ${String(timing.connectTimeoutMs)}ms`,
    `  timeout check ${String(timing.timeoutMs)}ms`,
    '  # Pools keep idle connections for hours; a dead peer is found by keepalive, not by idleness.',
    '  timeout client 24h',
    '  timeout server 24h',
    '  timeout client-fin 30s',
    '  timeout server-fin 30s',
    '  timeout queue 1s',
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
    `  bind ${bindAddress(settings, port)}`,
    `  maxconn ${String(settings.connectionsMax)}`,
    '  option httpchk OPTIONS /primary',
    '  http-check expect status 200',
    renderDefaultServer(timing.writeCheckMs, timing.writeFall),
    ...dataNodesOf(layout).map(renderCheckedServer),
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
    `  bind ${bindAddress(settings, port)}`,
    `  maxconn ${String(settings.connectionsMax)}`,
    '  balance leastconn',
    '  option httpchk OPTIONS /replica',
    '  http-check expect status 200',
    renderDefaultServer(timing.readCheckMs, timing.readFall),
    ...nodes.map(renderCheckedServer),
    '  # Without any standby, reads go where writes go.',
    ...nodes.map(
      (node, index) =>
        `  server ${node.name}-primary ${addressOf(node)} id ${String(nodes.length + index + 1)}` +
        ` track ${writeProxy}/${node.name} backup`,
    ),
  ]
}

function renderDefaultServer(checkMs: number, fall: number): string {
  const period = `${String(checkMs)}ms`
  return (
    `  default-server inter ${period} fastinter ${period} downinter ${period}` +
    ` fall ${String(fall)} rise 1 on-marked-down shutdown-sessions init-addr last,libc,none`
  )
}

function renderCheckedServer(node: NodeLayout, index: number): string {
  const check = `check port ${String(node.apiPort)}`
  return `  server ${node.name} ${addressOf(node)} id ${String(index + 1)} ${check}`
}

function addressOf(node: NodeLayout): string {
  return `${bracketed(node.host)}:${String(node.postgresPort)}`
}

function bindAddress(settings: HaproxySettings, port: number): string {
  return `${settings.bindHost === null ? '*' : bracketed(settings.bindHost)}:${String(port)}`
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
