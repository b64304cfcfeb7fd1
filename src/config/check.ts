// What must hold between several settings: unique names and ports, roles that fit, counts that can be
// met. The checks of names and ports also run on a spec with other mistakes, so that one run shows all.

import { maxConnectionsMin, maxConnectionsOf } from './connections.ts'
import type { SpecDocument } from './document.ts'
import { isLoopback, machineOf } from './ports.ts'
import { problemAt } from './problems.ts'
import type { SpecPath, SpecProblem } from './problems.ts'
import { ownedParameters } from './schema.ts'
import type { ClusterSpec } from './schema.ts'
import { defaults } from './defaults.ts'
import { familyOf, isInNetworkOf, isSameAddress, isUsableAddress, parseVip } from './vip.ts'
import { chooseVoters } from './voters.ts'

const voterCountMax = 7
const reservedRoles: readonly string[] = ['postgres', 'pgherd', 'replication', 'public', 'none']
const reservedDatabases: readonly string[] = ['postgres', 'template0', 'template1', 'pgherd']

/**
 * Problems between settings.
 * @param spec null when the schema already found mistakes; then only what needs no valid spec is checked
 */
export function checkSpec(document: SpecDocument, spec: ClusterSpec | null): SpecProblem[] {
  const problems = [...duplicateNames(document), ...duplicatePorts(document)]
  if (spec !== null) {
    for (const [path, message] of rulesOf(spec)) problems.push(problemAt(document, path, message))
  }
  return problems
}

type RawNode = Readonly<Record<string, unknown>>

function rawNodes(document: SpecDocument): readonly RawNode[] {
  const nodes = document.at(['nodes'])
  if (!Array.isArray(nodes)) return []
  return nodes.map((node: unknown) =>
    typeof node === 'object' && node !== null ? (node as RawNode) : {},
  )
}

function duplicateNames(document: SpecDocument): SpecProblem[] {
  const first = new Map<string, number>()
  const problems: SpecProblem[] = []
  for (const [index, node] of rawNodes(document).entries()) {
    const name = node['name']
    if (typeof name !== 'string') continue
    const earlier = first.get(name)
    if (earlier === undefined) {
      first.set(name, index)
      continue
    }
    const place = lineOf(document, ['nodes', earlier, 'name'])
    problems.push(
      problemAt(
        document,
        ['nodes', index, 'name'],
        `nodes[${String(index)}].name ${JSON.stringify(name)} is already the name of nodes[${String(earlier)}]${place}`,
      ),
    )
  }
  return problems
}

const portKeys = ['postgresPort', 'apiPort', 'storeClientPort', 'storePeerPort'] as const

/** Ports named twice for one machine. Defaults step aside and are never the cause. */
function duplicatePorts(document: SpecDocument): SpecProblem[] {
  const first = new Map<string, SpecPath>()
  const problems: SpecProblem[] = []
  const see = (path: SpecPath, host: unknown, port: unknown) => {
    if (typeof port !== 'number') return
    const key = `${machineOf(typeof host === 'string' ? host : defaults.host)} ${String(port)}`
    const earlier = first.get(key)
    if (earlier === undefined) first.set(key, path)
    else problems.push(problemAt(document, path, sameText(document, path, port, earlier)))
  }
  const nodes = rawNodes(document)
  for (const [index, node] of nodes.entries()) {
    for (const key of portKeys) see(['nodes', index, key], node['host'], node[key])
  }
  const balancerPorts = [
    ['endpoints', 'write', 'port'],
    ['endpoints', 'read', 'port'],
    ['balancer', 'statsPort'],
    ['balancer', 'healthPort'],
  ]
  for (const path of balancerPorts) {
    for (const host of balancerHosts(nodes)) see(path, host, document.at(path))
  }
  return problems
}

/** One host of each machine that has a balancer; the default one when the spec names no nodes. */
function balancerHosts(nodes: readonly RawNode[]): readonly string[] {
  const hosts = nodes
    .filter((node) => node['role'] === 'balancer')
    .map(({ host }) => (typeof host === 'string' ? host : defaults.host))
  const byMachine = new Map(hosts.map((host) => [machineOf(host), host]))
  return byMachine.size === 0 ? [defaults.host] : [...byMachine.values()]
}

function sameText(document: SpecDocument, path: SpecPath, port: number, earlier: SpecPath): string {
  const name = (each: SpecPath) => {
    const node = each[0] === 'nodes' ? rawNodes(document)[Number(each[1])]?.['name'] : undefined
    const owner = typeof node === 'string' ? `${node}'s ` : `${each.slice(0, -1).join('.')}.`
    return `${owner}${String(each.at(-1))}`
  }
  return `${name(path)} ${String(port)} is already ${name(earlier)}${lineOf(document, earlier)}`
}

function lineOf(document: SpecDocument, path: SpecPath): string {
  const { line } = document.placeOf(path, 'value')
  return line === null ? '' : ` (line ${String(line)})`
}

type Finding = readonly [path: SpecPath, message: string]

function rulesOf(spec: ClusterSpec): readonly Finding[] {
  return [
    ...spec.nodes.flatMap((node, index) => nodeRules(node, index)),
    ...clusterRules(spec),
    ...voterRules(spec),
    ...addressRules(spec),
    ...vipRules(spec),
    ...postgresRules(spec),
  ]
}

function nodeRules(node: ClusterSpec['nodes'][number], index: number): readonly Finding[] {
  const findings: Finding[] = []
  if (node.role !== 'data' && node.postgresPort !== undefined) {
    findings.push([
      ['nodes', index, 'postgresPort'],
      `${node.name} is a ${node.role} and runs no PostgreSQL: leave postgresPort out`,
    ])
  }
  if (node.role !== 'balancer' && node.interface !== undefined) {
    findings.push([
      ['nodes', index, 'interface'],
      `${node.name} is a ${node.role} node and never has the VIP: leave interface out`,
    ])
  }
  if (node.role !== 'data' && node.noFailover) {
    findings.push([
      ['nodes', index, 'noFailover'],
      `${node.name} is a ${node.role} and can never become primary: leave noFailover out`,
    ])
  }
  return findings
}

function clusterRules(spec: ClusterSpec): readonly Finding[] {
  const findings: Finding[] = []
  const dataNodes = spec.nodes.filter((node) => node.role === 'data')
  const standbyCount = Math.max(0, dataNodes.length - 1)
  if (dataNodes.length === 0) findings.push([['nodes'], 'nodes must have at least one data node'])
  else if (dataNodes.every((node) => node.noFailover)) {
    findings.push([['nodes'], 'every data node is noFailover: none could become primary'])
  }
  if (spec.durability === 'strict' && standbyCount === 0) {
    findings.push([
      ['durability'],
      'durability strict needs a standby to wait for: add a second data node',
    ])
  }
  if (spec.syncStandbys !== null && spec.syncStandbys > Math.max(1, standbyCount)) {
    findings.push([
      ['syncStandbys'],
      `syncStandbys is ${String(spec.syncStandbys)}, but ${String(dataNodes.length)} data nodes have only ${String(standbyCount)} standbys`,
    ])
  }
  return findings
}

function voterRules(spec: ClusterSpec): readonly Finding[] {
  const voters = chooseVoters(spec.nodes)
  const findings: Finding[] = []
  if (voters.size === 0) findings.push([['nodes'], 'nobody votes: give at least one node a vote'])
  else if (voters.size > voterCountMax) {
    findings.push([
      ['nodes'],
      `${String(voters.size)} nodes vote; more than ${String(voterCountMax)} only make the store slower`,
    ])
  } else if (voters.size % 2 === 0) {
    findings.push([
      ['nodes'],
      `${String(voters.size)} nodes vote, which survives no more failures than ${String(voters.size - 1)}: make it an odd number`,
    ])
  }
  for (const [index, node] of spec.nodes.entries()) {
    if (voters.has(node.name)) continue
    for (const key of ['storeClientPort', 'storePeerPort'] as const) {
      if (node[key] === undefined) continue
      findings.push([
        ['nodes', index, key],
        `${node.name} does not vote: leave ${key} out or say vote: true`,
      ])
    }
  }
  return findings
}

function addressRules(spec: ClusterSpec): readonly Finding[] {
  const findings: Finding[] = []
  const remote = spec.nodes.find((node) => !isLoopback(node.host))
  if (remote !== undefined) {
    for (const [index, node] of spec.nodes.entries()) {
      if (!isLoopback(node.host)) continue
      findings.push([
        ['nodes', index, 'host'],
        `${node.name} is at ${node.host}, which ${remote.name} at ${remote.host} cannot reach: give it an address of the network`,
      ])
    }
  }
  const balancers = new Map<string, string>()
  for (const [index, node] of spec.nodes.entries()) {
    if (node.role !== 'balancer') continue
    const earlier = balancers.get(machineOf(node.host))
    if (earlier === undefined) balancers.set(machineOf(node.host), node.name)
    else {
      findings.push([
        ['nodes', index],
        `${node.name} and ${earlier} are balancers on one machine and would need the same ports`,
      ])
    }
  }
  if (balancers.size === 0) {
    for (const kind of ['write', 'read'] as const) {
      if (Object.keys(spec.endpoints[kind]).length === 0) continue
      findings.push([
        ['endpoints', kind],
        `endpoints.${kind} needs a node with role balancer to serve it`,
      ])
    }
  }
  return findings
}

function vipRules(spec: ClusterSpec): readonly Finding[] {
  const vip = spec.balancer.vip === null ? null : parseVip(spec.balancer.vip)
  if (vip === null) return []
  const place = ['balancer', 'vip']
  const text = `balancer.vip ${vip.address}/${String(vip.prefixLength)}`
  const findings: Finding[] = []
  const balancers = spec.nodes.filter((node) => node.role === 'balancer')
  if (balancers.length === 0) findings.push([place, `${text} needs a node with role balancer`])
  if (isLoopback(vip.address)) findings.push([place, `${text} is reached by no other machine`])
  else if (!isUsableAddress(vip)) {
    findings.push([place, `${text} is the network or everybody in it: choose a free address of it`])
  }
  const owner = spec.nodes.find((node) => isSameAddress(node.host, vip.address))
  if (owner !== undefined) {
    findings.push([
      place,
      `${text} is the address of ${owner.name}: choose one that nobody in the network has`,
    ])
  }
  for (const node of balancers) {
    const family = familyOf(node.host)
    if (node.name === owner?.name) continue
    if (isLoopback(node.host)) {
      findings.push([
        place,
        `${text} cannot be shared on one machine: ${node.name} is at ${node.host}`,
      ])
    } else if (family !== null && family !== vip.family) {
      findings.push([place, `${text} and ${node.name} at ${node.host} are IPv4 and IPv6`])
    } else if (family !== null && !isInNetworkOf(vip, node.host)) {
      findings.push([
        place,
        `${text} does not lie in one network with ${node.name} at ${node.host}`,
      ])
    }
  }
  return findings
}

function postgresRules(spec: ClusterSpec): readonly Finding[] {
  const findings: Finding[] = []
  if (
    spec.nodes.some(({ role }) => role === 'balancer') &&
    maxConnectionsOf(spec) < maxConnectionsMin(spec)
  ) {
    findings.push([
      ['postgres', 'parameters', 'max_connections'],
      `postgres.parameters.max_connections is ${String(maxConnectionsOf(spec))}, which leaves no connection to the balancers: make it at least ${String(maxConnectionsMin(spec))}`,
    ])
  }
  for (const name of Object.keys(spec.postgres.parameters)) {
    if (!ownedParameters.includes(name)) continue
    findings.push([
      ['postgres', 'parameters', name],
      `postgres.parameters.${name} is set by pgherd itself and cannot be changed here`,
    ])
  }
  if (reservedRoles.includes(spec.postgres.user) || spec.postgres.user.startsWith('pg_')) {
    findings.push([['postgres', 'user'], `postgres.user ${spec.postgres.user} is a reserved name`])
  }
  if (reservedDatabases.includes(spec.postgres.database)) {
    findings.push([
      ['postgres', 'database'],
      `postgres.database ${spec.postgres.database} is a reserved name`,
    ])
  }
  return findings
}
