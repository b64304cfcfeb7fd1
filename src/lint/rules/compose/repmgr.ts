// L3xx: what is set for repmgr: whether a failover is safe, and a former primary comes back.

import { type DatabaseNode, dataNodesIn, databaseNodesOf, namesOf } from '../../database-node.ts'
import { nodesThatLack, perComposeFile } from '../../frames.ts'
import type { ComposeFile, ComposeService } from '../../parse-compose.ts'
import { repeated } from '../../repeated.ts'
import { type Fault, type Rule, faultAt, firstOf, listed } from '../../rule.ts'
import { isOpen, parseCount } from '../../source-text.ts'

export const composeRepmgrRules: readonly Rule[] = [
  {
    id: 'L311',
    severity: 'error',
    title: 'a former primary is not fenced',
    why: 'When it comes back it goes on taking writes beside the new one, and those commits are lost.',
    fix: 'REPMGR_FENCE_OLD_PRIMARY=yes on every data node',
    check: nodesThatLack(
      repmgrDataIn,
      (service) => !isYes(service, 'REPMGR_FENCE_OLD_PRIMARY'),
      (names) => `${names}: REPMGR_FENCE_OLD_PRIMARY is not yes`,
    ),
  },
  {
    id: 'L312',
    severity: 'warning',
    title: 'each restart of a standby copies the whole database',
    why: 'Without pg_rewind the image clones again; until that is done one copy less is there.',
    fix: 'REPMGR_USE_PGREWIND=yes on every data node',
    check: nodesThatLack(
      repmgrDataIn,
      (service) => !isYes(service, 'REPMGR_USE_PGREWIND'),
      (names) => `${names}: REPMGR_USE_PGREWIND is not yes`,
    ),
  },
  {
    id: 'L313',
    // The image asks for it, so every file has it.
    severity: 'info',
    title: 'one node becomes primary whenever all start at once',
    why: 'Nobody is asked who has the newest commits; what the others had beyond it is lost.',
    fix: 'after a failover let REPMGR_PRIMARY_HOST name the new primary before all nodes are started again',
    check: perComposeFile((compose) => {
      const services = repmgrDataIn(compose).flatMap(({ service }) =>
        service.environment.has('REPMGR_PRIMARY_HOST') ? [service] : [],
      )
      const setting = services[0]?.environment.get('REPMGR_PRIMARY_HOST')
      if (setting === undefined) return []
      const message =
        `${setting.value} becomes primary whenever no node answers ` +
        `(REPMGR_PRIMARY_HOST of ${listed(namesIn(services))})`
      return [faultAt(setting.place, message, { primary: setting.value })]
    }),
  },
  {
    id: 'L314',
    severity: 'error',
    title: 'two nodes with one name',
    why: 'For repmgr they are one node; the second one overwrites what is known of the first.',
    fix: 'give each node a REPMGR_NODE_NAME of its own',
    check: perComposeFile((compose) => {
      const named = databaseNodesOf(compose).flatMap(({ service }) => {
        const setting = service.environment.get('REPMGR_NODE_NAME')
        return setting === undefined || isOpen(setting.value) ? [] : [{ service, setting }]
      })
      return repeated(named, ({ setting }) => setting.value).map(
        ([first, { service, setting }]) => {
          const message = `${service.name} and ${first.service.name} are both REPMGR_NODE_NAME=${setting.value}`
          return faultAt(setting.place, message, { nodes: [first.service.name, service.name] })
        },
      )
    }),
  },
  {
    id: 'L315',
    severity: 'warning',
    title: 'a node is missing among its partners',
    why: 'A node that starts asks its partners who is primary; one that is not asked cannot answer.',
    fix: 'REPMGR_PARTNER_NODES with every data node, the same on each',
    check: perComposeFile(partnerFaults),
  },
  {
    id: 'L316',
    severity: 'warning',
    title: 'commits wait for no standby',
    why: 'What the primary acknowledged and had not yet sent is lost when it fails.',
    fix: 'POSTGRESQL_NUM_SYNCHRONOUS_REPLICAS=1 on every data node, with at least two standbys',
    check: nodesThatLack(
      // One node alone has no standby to wait for.
      (compose) => (repmgrDataIn(compose).length < 2 ? [] : repmgrDataIn(compose)),
      waitsForNobody,
      (names) => `${names}: no synchronous standby is set`,
    ),
  },
]

function repmgrDataIn(compose: ComposeFile): readonly DatabaseNode[] {
  return dataNodesIn(compose).filter(({ isRepmgr }) => isRepmgr)
}

function namesIn(services: readonly ComposeService[]): readonly string[] {
  return services.map(({ name }) => name)
}

function isYes(service: ComposeService, key: string): boolean {
  const value = service.environment.get(key)?.value ?? ''
  return /^(yes|true|1)$/i.test(value) || isOpen(value)
}

function waitsForNobody({ environment }: ComposeService): boolean {
  const value = ['POSTGRESQL_NUM_SYNCHRONOUS_REPLICAS', 'POSTGRES_NUM_SYNCHRONOUS_REPLICAS']
    .map((key) => environment.get(key)?.value)
    .find((one) => one !== undefined)
  return value === undefined || parseCount(value) === 0
}

function partnerFaults(compose: ComposeFile): readonly Fault[] {
  const services = repmgrDataIn(compose).map(({ service }) => service)
  if (services.length < 2) return []
  // Nodes that share a list are compared with it once.
  const missingOf = new Map<string, ReadonlySet<ComposeService>>()
  return databaseNodesOf(compose).flatMap(({ service }) => {
    const setting = service.environment.get('REPMGR_PARTNER_NODES')
    if (setting === undefined || isOpen(setting.value)) return []
    const missing = missingOf.get(setting.value) ?? missingIn(setting.value, services)
    missingOf.set(setting.value, missing)
    const missingCount = missing.size - (missing.has(service) ? 1 : 0)
    if (missingCount === 0) return []
    const others = namesIn(firstOf([...missing], (one) => one !== service))
    const message = `REPMGR_PARTNER_NODES of ${service.name} lacks ${listed(others, missingCount)}`
    return [faultAt(setting.place, message, { node: service.name, missing: others })]
  })
}

/** Those that a list of partners does not name. */
function missingIn(
  partners: string,
  services: readonly ComposeService[],
): ReadonlySet<ComposeService> {
  const names = new Set(
    partners
      .split(/[,;\s]+/)
      .map((one) => one.replace(/:\d+$/, ''))
      .flatMap(withoutDomain),
  )
  return new Set(services.filter((one) => !namesOf(one).some((name) => names.has(name))))
}

/** No name has more parts than this that anybody would leave out. */
const domainPartsMax = 8

/** A partner may be written with its domain: `a.b.c` is also `a.b` and `a`. */
function withoutDomain(partner: string): readonly string[] {
  const parts = partner.split('.', domainPartsMax)
  return [partner, ...parts.map((_, index) => parts.slice(0, index + 1).join('.'))]
}
