// L3xx: on which host nodes run, and on which ports they can be reached.

import { dataNodesIn } from '../../database-node.ts'
import { perComposeFile, perNode, together } from '../../frames.ts'
import type { ComposeFile, ComposeService } from '../../parse-compose.ts'
import { type Fault, type Rule, faultAt } from '../../rule.ts'

export const composePlacementRules: readonly Rule[] = [
  {
    id: 'L301',
    severity: 'error',
    title: 'all data nodes on one host',
    why: 'When this host fails every copy of the database is gone at once, and there is no failover.',
    fix: 'one compose file per host, with one data node in each',
    check: perComposeFile((compose) => {
      const services = dataNodesIn(compose).map(({ service }) => service)
      if (services.length < 2 || services.some(({ hasPlacement }) => hasPlacement)) return []
      return together(services, (names) => `${names} run on the one host of this file`)
    }),
  },
  {
    id: 'L304',
    severity: 'error',
    title: 'one port published twice',
    why: 'Docker refuses the second container, so one node never starts.',
    fix: 'give each service a port of its own',
    check: perComposeFile(portCollisions),
  },
  {
    id: 'L317',
    severity: 'info',
    title: 'the witness can be reached by everybody',
    why: 'Nobody but the nodes needs it, and what a client writes there is lost.',
    fix: 'no ports for the witness, or an address of the nodes’ own network before the port',
    check: perNode(({ service, role }) =>
      service.ports
        .filter(({ hostAddress }) => role === 'witness' && hostAddress === '')
        .map(({ published, place }) =>
          faultAt(
            place,
            `witness ${service.name} is published on port ${published} of every address`,
            { node: service.name, port: published },
          ),
        ),
    ),
  },
]

type Publication = { readonly service: ComposeService; readonly index: number }

/** Ports that an earlier service has on the same address, where no address is every one of them. */
function portCollisions({ services }: ComposeFile): readonly Fault[] {
  const first = new Map<string, Publication>()
  const all = services.flatMap((service) => service.ports.map((port) => ({ service, port })))
  return all.flatMap(({ service, port }, index) => {
    const { hostAddress, published } = port
    const [anywhere, everywhere] = [`${published}`, `${published} everywhere`]
    const here = hostAddress === '' ? everywhere : `${published} on ${hostAddress}`
    const others = hostAddress === '' ? [anywhere] : [here, everywhere]
    const [before] = others
      .flatMap((key) => first.get(key) ?? [])
      .sort((left, right) => left.index - right.index)
    for (const key of [anywhere, here]) if (!first.has(key)) first.set(key, { service, index })
    if (before === undefined) return []
    const message = `port ${published} of ${service.name} is already that of ${before.service.name}`
    return [faultAt(port.place, message, { port: published })]
  })
}
