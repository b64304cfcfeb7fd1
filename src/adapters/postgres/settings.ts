// Renders PostgreSQL's configuration: postgresql.conf (static), dynamic.conf (what changes with the role
// of the node, included last) and the command line. Pure; golden-tested.

import type { ServerConfig, Upstream } from '../../core/server.ts'
import { renderSyncSetting } from '../../core/sync-list.ts'
import type { TimingPlan } from '../../core/timing-plan.ts'
import { nodePathsOf, roles, type PostgresOptions } from './options.ts'

type SettingValue = string | number | boolean
type Settings = Readonly<Record<string, SettingValue>>

/** Settings in dynamic.conf. An ALTER SYSTEM that overrides one of them is taken back. */
export const dynamicSettings = [
  'primary_conninfo',
  'primary_slot_name',
  'synchronous_standby_names',
] as const

/**
 * Safety rests on these, so they are on the command line, where neither a file nor ALTER SYSTEM can
 * override them. After a crash PostgreSQL must not start again by itself: commits that were waiting for
 * standbys would become visible behind our gate's back.
 */
function commandLineSettings(options: PostgresOptions): Settings {
  const paths = nodePathsOf(options.nodeDirectory)
  return {
    config_file: paths.settings,
    hba_file: paths.hba,
    port: options.port,
    unix_socket_directories: options.socketDirectory,
    fsync: true,
    full_page_writes: true,
    restart_after_crash: false,
  }
}

/**
 * Arguments of the `postgres` program.
 * @param minimums for a standby: what its WAL was written with. It refuses to start with less, so that a
 *   spec with a smaller max_connections takes effect only when a primary is started with it
 */
export function renderArguments(
  options: PostgresOptions,
  minimums: Readonly<Record<string, number>> = {},
): readonly string[] {
  const raised = Object.entries(minimums).filter(
    ([name, minimum]) => configuredNumber(options, name) < minimum,
  )
  const settings = [...Object.entries(commandLineSettings(options)), ...raised]
  return [
    '-D',
    nodePathsOf(options.nodeDirectory).data,
    ...settings.flatMap(([name, value]) => ['-c', `${name}=${plainValue(value)}`]),
  ]
}

/** PostgreSQL's own values, the same in 14 to 18, of the settings that a standby must not undercut. */
const serverDefaults: Readonly<Record<string, number>> = {
  max_connections: 100,
  max_worker_processes: 8,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 64,
}

function configuredNumber(options: PostgresOptions, name: string): number {
  const configured = managedSettings(options)[name] ?? options.parameters[name]
  return Number(configured ?? serverDefaults[name] ?? 0)
}

/** Room for every data node twice (streaming and being cloned), and for backups. */
function senderCount(options: PostgresOptions): number {
  return 10 + 2 * options.clusterHosts.length
}

/** How long a silent partner of a replication connection is waited for. */
function replicationTimeoutMs(plan: TimingPlan): number {
  // Standbys report at least once a second, and are asked after half of this time.
  return Math.max(2000, plan.standbyLossMs)
}

function managedSettings(options: PostgresOptions): Settings {
  const { plan } = options
  return {
    listen_addresses: options.host,
    cluster_name: options.node,
    wal_level: 'replica',
    hot_standby: true,
    wal_log_hints: true,
    max_wal_senders: senderCount(options),
    max_replication_slots: senderCount(options),
    max_slot_wal_keep_size: `${String(options.slotCapMb)}MB`,
    wal_retrieve_retry_interval: `${String(plan.walRetrieveRetryMs)}ms`,
    wal_receiver_status_interval: '1s',
    wal_receiver_timeout: `${String(replicationTimeoutMs(plan))}ms`,
    wal_sender_timeout: `${String(replicationTimeoutMs(plan))}ms`,
    synchronous_commit: true,
    password_encryption: 'scram-sha-256',
    recovery_target_timeline: 'latest',
    restore_command: '',
    superuser_reserved_connections: 6,
    logging_collector: false,
    log_destination: 'stderr',
    log_line_prefix: '%m [%p] %q%u@%d %a ',
    lc_messages: 'C',
  }
}

/** What the operator may change. */
const suggestedSettings: Settings = {
  hot_standby_feedback: false,
  wal_keep_size: '128MB',
  log_checkpoints: true,
  log_lock_waits: true,
}

/** Names of operator parameters that pgherd manages itself: they are refused, not ignored. */
export function refusedParameters(options: PostgresOptions): readonly string[] {
  const managed = new Set<string>([
    ...Object.keys(commandLineSettings(options)),
    ...Object.keys(managedSettings(options)),
    ...dynamicSettings,
    'data_directory',
    'external_pid_file',
    'include',
    'include_dir',
    'include_if_exists',
    'promote_trigger_file',
    // A standby that may not replay all it has can neither be measured nor promoted.
    'recovery_min_apply_delay',
  ])
  return Object.keys(options.parameters).filter((name) => {
    const lower = name.toLowerCase()
    return managed.has(lower) || lower.startsWith('recovery_target')
  })
}

/** postgresql.conf of a node. */
export function renderStaticSettings(options: PostgresOptions): string {
  return [
    `# Written by pgherd for ${options.node}. Change cluster.yaml instead: this file is overwritten.`,
    '',
    '# Suggested; parameters of cluster.yaml come after them and win.',
    renderSettings(suggestedSettings),
    '',
    '# Parameters of cluster.yaml.',
    renderSettings(options.parameters),
    '',
    '# Managed.',
    renderSettings(managedSettings(options)),
    '',
    "include 'dynamic.conf'",
    '',
  ].join('\n')
}

/**
 * A standby of nobody removes no WAL. It may have to be rewound, and pg_rewind reads the WAL back to the
 * last checkpoint before the fork; its own recovery must not have taken that away. It receives nothing
 * that could fill the disk.
 */
export const keptWithoutUpstream = '1TB'

/** dynamic.conf: what a running server takes over by reload. */
export function renderDynamicSettings(options: PostgresOptions, config: ServerConfig): string {
  const { upstream } = config
  return `${renderSettings({
    primary_conninfo: upstream === null ? '' : renderUpstream(options, upstream),
    primary_slot_name: upstream?.slotName ?? '',
    synchronous_standby_names: renderSyncSetting(config.sync),
    ...(upstream === null && config.sync.kind === 'nobody'
      ? { wal_keep_size: keptWithoutUpstream }
      : {}),
  })}\n`
}

function renderUpstream(options: PostgresOptions, upstream: Upstream): string {
  const { receiverPassfile } = nodePathsOf(options.nodeDirectory)
  return renderConnection(options, upstream, upstream.applicationName, { receiverPassfile })
}

/**
 * A libpq connection string to another node. The password stays in the passfile, so that it appears in
 * no setting, log or process list.
 */
export function renderConnection(
  options: PostgresOptions,
  server: { readonly host: string; readonly port: number },
  applicationName: string,
  special: { readonly database?: string; readonly receiverPassfile?: string } = {},
): string {
  const { database, receiverPassfile } = special
  const timeoutMs = replicationTimeoutMs(options.plan)
  const parts: Readonly<Record<string, string | number>> = {
    host: server.host,
    port: server.port,
    user: roles.replication,
    passfile: receiverPassfile ?? nodePathsOf(options.nodeDirectory).passfile,
    ...(database === undefined ? {} : { dbname: database }),
    application_name: applicationName,
    connect_timeout: Math.max(2, Math.ceil(timeoutMs / 1000)),
    tcp_user_timeout: timeoutMs,
    sslmode: 'prefer',
    gssencmode: 'disable',
  }
  return Object.entries(parts)
    .map(([name, value]) => `${name}=${quoteConnectionValue(String(value))}`)
    .join(' ')
}

function quoteConnectionValue(value: string): string {
  if (/^[A-Za-z0-9_./:-]+$/.test(value)) return value
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

/** The passfile for the replication role: to one server, or to any. */
export function renderPassfile(
  password: string,
  server?: { readonly host: string; readonly port: number },
): string {
  const escape = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll(':', '\\:')
  const place = server === undefined ? '*:*' : `${escape(server.host)}:${server.port}`
  return `${place}:*:${roles.replication}:${escape(password)}\n`
}

function renderSettings(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${quoteSetting(plainValue(value))}'`)
    .join('\n')
}

function plainValue(value: SettingValue): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  return String(value)
}

function quoteSetting(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\n', '\\n')
}

/**
 * postgresql.auto.conf without what pgherd manages.
 * @returns the cleaned text and the names that were taken out
 */
export function stripManagedSettings(
  autoConf: string,
  options: PostgresOptions,
): { readonly text: string; readonly removed: readonly string[] } {
  const managed = new Set([
    ...Object.keys(commandLineSettings(options)),
    ...Object.keys(managedSettings(options)),
    ...dynamicSettings,
  ])
  const removed: string[] = []
  const kept = autoConf.split('\n').filter((line) => {
    const name = /^\s*([A-Za-z_][A-Za-z0-9_.]*)\s*=/.exec(line)?.[1]?.toLowerCase()
    if (name === undefined || !managed.has(name)) return true
    removed.push(name)
    return false
  })
  return { text: kept.join('\n'), removed }
}
