// A check of roles that HAProxy makes by itself, where no agent tells them: it opens a session as a client
// would, and PostgreSQL 14 or newer says in its greeting whether it is in recovery.

import { nodeOf } from './database-node.ts'
import type { Deployment } from './deployment.ts'
import type { PostgresProxy } from './postgres-proxy.ts'

const user = 'role_check'
const database = 'postgres'
/** The first version that reports in_hot_standby. */
const versionMin = 14

/**
 * Lines to write where a proxy leads to containers with repmgr, which have nothing that tells roles over
 * HTTP. Null for other nodes, and where an image is known to be too old.
 */
export function roleCheckSnippet(
  deployment: Deployment,
  { name, servers }: PostgresProxy,
): readonly string[] | null {
  const nodes = servers.map((server) => nodeOf(deployment, server))
  const canTell = nodes.every(
    (node) => node?.isRepmgr === true && !isTooOld(node.service.image?.value ?? ''),
  )
  if (!canTell) return null
  return [
    `# haproxy.cfg, in ${name}, above its servers; each keeps the word check`,
    'option tcp-check',
    'tcp-check connect',
    `tcp-check send-binary ${startup()}${goodbye}`,
    `tcp-check expect binary ${hex('in_hot_standby\0off\0')}`,
    'default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions',
    '# pg_hba.conf of every node, as its first line, once for each balancer with its address',
    `host ${database} ${user} <balancer>/32 trust`,
    '# SQL, once, on the primary',
    `create role ${user} login;`,
    '# When every connection is in use the check fails, too: keep to the limits of L603.',
  ]
}

function isTooOld(image: string): boolean {
  // A digest behind it begins with `@`, and has a colon too.
  const [name = ''] = image.slice(image.lastIndexOf('/') + 1).split('@')
  const version = /:(\d+)/.exec(name)?.[1]
  return version !== undefined && Number(version) < versionMin
}

/** StartupMessage of protocol 3.0. */
function startup(): string {
  const rest = `00030000${hex(`user\0${user}\0database\0${database}\0\0`)}`
  const byteCount = 4 + rest.length / 2
  return byteCount.toString(16).padStart(8, '0') + rest
}

/** Terminate: the server closes, so that HAProxy need not wait for more when it is a standby. */
const goodbye = '5800000004'

function hex(text: string): string {
  return Array.from(text, (one) => one.charCodeAt(0).toString(16).padStart(2, '0')).join('')
}
