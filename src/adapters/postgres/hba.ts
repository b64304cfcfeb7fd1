// Renders pg_hba.conf: who gets in. The closed gate lets only pgherd itself (local socket) and the
// replication role of the cluster's nodes in; clients come with the open one. Pure; golden-tested.

import { isIP } from 'node:net'
import { roles } from './options.ts'

export type HbaInputs = {
  readonly gate: 'closed' | 'open'
  /** Addresses or names of the other nodes. */
  readonly clusterHosts: readonly string[]
  /** Networks of clients: CIDR, samehost, samenet or all. */
  readonly allowFrom: readonly string[]
}

type Rule = readonly [
  type: 'local' | 'host',
  database: string,
  user: string,
  address: string,
  method: 'scram-sha-256' | 'reject',
]

/** The text of pg_hba.conf. The first line that matches decides. */
export function renderHba(inputs: HbaInputs): string {
  const hosts = [...new Set(['samehost', ...inputs.clusterHosts.map(hbaAddress)])]
  const internal: Rule[] = [
    ['local', 'all', roles.pgherd, '', 'scram-sha-256'],
    ['host', 'all', roles.pgherd, 'all', 'reject'],
    ...hosts.flatMap((address): Rule[] => [
      ['host', 'replication', roles.replication, address, 'scram-sha-256'],
      ['host', 'postgres', roles.replication, address, 'scram-sha-256'],
    ]),
    ['local', 'all', roles.replication, '', 'reject'],
    ['host', 'all', roles.replication, 'all', 'reject'],
  ]
  const clients: Rule[] = [
    ['local', 'all', 'all', '', 'scram-sha-256'],
    ...inputs.allowFrom.map((network): Rule => ['host', 'all', 'all', network, 'scram-sha-256']),
  ]
  const rules = inputs.gate === 'open' ? [...internal, ...clients] : internal
  const header = `# Written by pgherd: the gate is ${inputs.gate}. Change cluster.yaml instead.`
  return `${[header, ...rules.map(renderRule)].join('\n')}\n`
}

function renderRule([type, database, user, address, method]: Rule): string {
  return [type.padEnd(5), database.padEnd(11), user.padEnd(18), address.padEnd(20), method].join(
    ' ',
  )
}

function hbaAddress(host: string): string {
  const version = isIP(host)
  if (version === 4) return `${host}/32`
  if (version === 6) return `${host}/128`
  return host
}
