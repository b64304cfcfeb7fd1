// L3xx: what a compose file does to the nodes of a cluster.

import { type DatabaseNode, dataFolders, databaseNodesOf, isBelow, namesOf } from '../deployment.ts'
import type { ComposeFile, ComposeService, Mount, PublishedPort } from '../parse-compose.ts'
import { type Fault, type Rule, faultAt } from '../rule.ts'
import { isOpen, parseCount } from '../source-text.ts'

/** A shutdown has to write every changed page; this is long enough for most. */
const gracePeriodMinS = 60

function perFile(check: (compose: ComposeFile) => readonly Fault[]): Rule['check'] {
  return ({ compose }) => compose.flatMap(check)
}

function perNode(
  check: (node: DatabaseNode, compose: ComposeFile) => readonly Fault[],
): Rule['check'] {
  return perFile((compose) => databaseNodesOf(compose).flatMap((node) => check(node, compose)))
}

function dataNodes(compose: ComposeFile): readonly DatabaseNode[] {
  return databaseNodesOf(compose).filter(({ role }) => role === 'data')
}

function repmgrData(compose: ComposeFile): readonly ComposeService[] {
  return dataNodes(compose).flatMap(({ service, isRepmgr }) => (isRepmgr ? [service] : []))
}

function listed(services: readonly ComposeService[]): string {
  return services.map(({ name }) => name).join(', ')
}

/** One finding for all nodes that break a rule alike, at the first of them. */
function together(
  services: readonly ComposeService[],
  message: (names: string) => string,
): readonly Fault[] {
  const [first] = services
  if (first === undefined) return []
  const names = services.map(({ name }) => name)
  return [faultAt(first.place, message(listed(services)), { nodes: names })]
}

function isYes(service: ComposeService, key: string): boolean {
  const value = service.environment.get(key)?.value ?? ''
  return /^(yes|true|1)$/i.test(value) || isOpen(value)
}

export const composeRules: readonly Rule[] = [
  {
    id: 'L301',
    severity: 'error',
    title: 'all data nodes on one host',
    why: 'When this host fails every copy of the database is gone at once, and there is no failover.',
    fix: 'one compose file per host, with one data node in each',
    check: perFile((compose) => {
      const services = dataNodes(compose).map(({ service }) => service)
      if (services.length < 2 || services.some(({ hasPlacement }) => hasPlacement)) return []
      return together(services, (names) => `${names} run on the one host of this file`)
    }),
  },
  {
    id: 'L302',
    severity: 'error',
    title: 'a data node without a volume of its own',
    why: 'A container that is made anew starts empty: the database is lost, or copied as a whole again.',
    fix: 'volumes: [pg-0-data:/bitnami/postgresql], the folder where the image keeps the database',
    check: perNode(({ service, role }) => {
      const kept = service.mounts.filter(
        (mount) => mount.kind !== 'tmpfs' && mount.source !== null && keepsDatabase(service, mount),
      )
      if (role !== 'data' || kept.length > 0 || service.mounts.some(isUnknownTarget)) return []
      const message = `${service.name} keeps its database in no volume that has a name`
      const fix = `volumes: [${service.name}-data:${volumeHome(service)}], where the image keeps the database`
      return [faultAt(service.place, message, { node: service.name }, fix)]
    }),
  },
  {
    id: 'L303',
    severity: 'error',
    title: 'two nodes on one volume',
    why: 'Two servers that write the same files destroy the database.',
    fix: 'give each node a volume of its own',
    check: perFile((compose) => {
      const mounts = databaseNodesOf(compose).flatMap(({ service }) =>
        service.mounts
          .filter(({ source, target, isReadOnly }) => {
            return source !== null && !isReadOnly && holdsDatabase(target)
          })
          .map((mount) => ({ service, mount })),
      )
      return mounts.flatMap(({ service, mount }, index) => {
        const before = mounts
          .slice(0, index)
          .find((one) => one.service !== service && one.mount.source === mount.source)
        if (before === undefined || mount.source === null) return []
        const message = `${service.name} and ${before.service.name} both keep their database in ${mount.source}`
        return [faultAt(mount.place, message, { nodes: [before.service.name, service.name] })]
      })
    }),
  },
  {
    id: 'L304',
    severity: 'error',
    title: 'one port published twice',
    why: 'Docker refuses the second container, so one node never starts.',
    fix: 'give each service a port of its own',
    check: perFile((compose) => {
      const ports = compose.services.flatMap((service) =>
        service.ports.map((port) => ({ service, port })),
      )
      return ports.flatMap(({ service, port }, index) => {
        const before = ports.slice(0, index).find((one) => collide(one.port, port))
        if (before === undefined) return []
        const message = `port ${port.published} of ${service.name} is already that of ${before.service.name}`
        return [faultAt(port.place, message, { port: port.published })]
      })
    }),
  },
  {
    id: 'L305',
    severity: 'warning',
    title: 'an image without a version',
    why: 'The next pull may bring another major version, which cannot read the database.',
    fix: 'image: with a full version, the same on every node',
    check: perFile((compose) => {
      const floating = databaseNodesOf(compose).flatMap(({ service }) =>
        service.image !== null && isFloating(service.image.value) ? [service.image] : [],
      )
      // Nodes that share a line through an anchor are one finding.
      const lines = new Map(floating.map((image) => [image.place.line, image]))
      return [...lines.values()].map(({ value, place }) =>
        faultAt(place, `${value} is another program after each release`, { image: value }),
      )
    }),
  },
  {
    id: 'L306',
    severity: 'warning',
    title: 'a node that stays down',
    why: 'After a crash, or when its host starts again, nobody starts the container.',
    fix: 'restart: unless-stopped',
    check: perFile((compose) =>
      together(
        databaseNodesOf(compose).flatMap(({ service }) => (staysDown(service) ? [service] : [])),
        (names) => `${names}: nothing starts it again`,
      ),
    ),
  },
  {
    id: 'L307',
    severity: 'warning',
    title: 'too little time to shut down',
    why: 'Docker kills PostgreSQL in the middle of its shutdown checkpoint: the next start is a recovery.',
    fix: 'stop_grace_period: 2m',
    check: perFile((compose) => {
      const short = dataNodes(compose).flatMap(({ service }) => {
        const seconds = graceSeconds(service)
        return seconds !== null && seconds < gracePeriodMinS ? [{ service, seconds }] : []
      })
      const least = Math.min(...short.map(({ seconds }) => seconds))
      return together(
        short.map(({ service }) => service),
        (names) => `${names}: killed after ${least} s`,
      )
    }),
  },
  {
    id: 'L308',
    severity: 'info',
    title: 'only 64 MB of shared memory',
    why: 'Parallel queries need more and fail with "could not resize shared memory segment".',
    fix: 'shm_size: 256mb',
    check: perFile((compose) =>
      together(
        dataNodes(compose).flatMap(({ service }) => (service.hasSharedMemorySize ? [] : [service])),
        (names) => `${names}: no shm_size`,
      ),
    ),
  },
  {
    id: 'L309',
    severity: 'info',
    title: 'no health check',
    why: 'Docker shows a node that hangs as running, and what waits for it does not wait.',
    fix: 'healthcheck: { test: [CMD, pg_isready, -U, postgres], interval: 5s }',
    check: perFile((compose) =>
      together(
        dataNodes(compose).flatMap(({ service }) => (service.hasHealthcheck ? [] : [service])),
        (names) => `${names}: no healthcheck`,
      ),
    ),
  },
  {
    id: 'L310',
    severity: 'warning',
    title: 'a variable that nobody sets',
    why: 'Compose puts an empty text in its place, which may be an empty password.',
    fix: `write it into .env, or \${NAME:?} so that compose refuses to start without it`,
    check: perFile(({ missingVariables }) =>
      missingVariables.map(({ name, isDoubtful, place }) =>
        isDoubtful
          ? faultAt(
              place,
              'what follows a $ is taken for the name of a variable, and nobody sets it',
              {},
              `$$ for a dollar sign, \${NAME:?} for a variable`,
            )
          : faultAt(place, `\${${name}} is in no .env beside this file and has no default`, {
              name,
            }),
      ),
    ),
  },
  {
    id: 'L311',
    severity: 'error',
    title: 'a former primary is not fenced',
    why: 'When it comes back it goes on taking writes beside the new one, and those commits are lost.',
    fix: 'REPMGR_FENCE_OLD_PRIMARY=yes on every data node',
    check: perFile((compose) =>
      together(
        repmgrData(compose).filter((service) => !isYes(service, 'REPMGR_FENCE_OLD_PRIMARY')),
        (names) => `${names}: REPMGR_FENCE_OLD_PRIMARY is not yes`,
      ),
    ),
  },
  {
    id: 'L312',
    severity: 'warning',
    title: 'each restart of a standby copies the whole database',
    why: 'Without pg_rewind the image clones again; until that is done one copy less is there.',
    fix: 'REPMGR_USE_PGREWIND=yes on every data node',
    check: perFile((compose) =>
      together(
        repmgrData(compose).filter((service) => !isYes(service, 'REPMGR_USE_PGREWIND')),
        (names) => `${names}: REPMGR_USE_PGREWIND is not yes`,
      ),
    ),
  },
  {
    id: 'L313',
    severity: 'warning',
    title: 'the first primary is fixed',
    why: 'When all nodes start at once this one becomes primary, even if another one had newer commits.',
    fix: 'after a failover let REPMGR_PRIMARY_HOST name the new primary before anything is started again',
    check: perFile((compose) => {
      const [first, ...others] = repmgrData(compose).filter((service) =>
        service.environment.has('REPMGR_PRIMARY_HOST'),
      )
      const setting = first?.environment.get('REPMGR_PRIMARY_HOST')
      if (first === undefined || setting === undefined) return []
      const message = `REPMGR_PRIMARY_HOST is always ${setting.value} for ${listed([first, ...others])}`
      return [faultAt(setting.place, message, { primary: setting.value })]
    }),
  },
  {
    id: 'L314',
    severity: 'error',
    title: 'two nodes with one name',
    why: 'For repmgr they are one node; the second one overwrites what is known of the first.',
    fix: 'give each node a REPMGR_NODE_NAME of its own',
    check: perFile((compose) => {
      const named = databaseNodesOf(compose).flatMap(({ service }) => {
        const setting = service.environment.get('REPMGR_NODE_NAME')
        return setting === undefined || isOpen(setting.value) ? [] : [{ service, setting }]
      })
      return named.flatMap(({ service, setting }, index) => {
        const before = named.slice(0, index).find((one) => one.setting.value === setting.value)
        if (before === undefined) return []
        const message = `${service.name} and ${before.service.name} are both REPMGR_NODE_NAME=${setting.value}`
        return [faultAt(setting.place, message, { nodes: [before.service.name, service.name] })]
      })
    }),
  },
  {
    id: 'L315',
    severity: 'warning',
    title: 'a node is missing among its partners',
    why: 'A node that starts asks its partners who is primary; one that is not asked cannot answer.',
    fix: 'REPMGR_PARTNER_NODES with every data node, the same on each',
    check: perFile(partnerFaults),
  },
  {
    id: 'L316',
    severity: 'warning',
    title: 'commits wait for no standby',
    why: 'What the primary acknowledged and had not yet sent is lost when it fails.',
    fix: 'POSTGRESQL_NUM_SYNCHRONOUS_REPLICAS=1 on every data node, with at least two standbys',
    check: perFile((compose) => {
      const services = repmgrData(compose)
      if (services.length < 2) return []
      return together(
        services.filter((service) => {
          const value = ['POSTGRESQL_NUM_SYNCHRONOUS_REPLICAS', 'POSTGRES_NUM_SYNCHRONOUS_REPLICAS']
            .map((key) => service.environment.get(key)?.value)
            .find((one) => one !== undefined)
          return value === undefined || parseCount(value) === 0
        }),
        (names) => `${names}: no synchronous standby is set`,
      )
    }),
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
            {
              node: service.name,
              port: published,
            },
          ),
        ),
    ),
  },
]

/** No version, or one that moves. */
function isFloating(image: string): boolean {
  // Where a variable is empty, that is told instead.
  if (isOpen(image) || image.includes('@') || image.endsWith(':')) return false
  const tag = /:([^:/]+)$/.exec(image)?.[1]
  return tag === undefined || tag === 'latest'
}

function staysDown({ restart, hasRestartPolicy }: ComposeService): boolean {
  const value = restart?.value.replaceAll(/["']/g, '') ?? 'no'
  return !hasRestartPolicy && (value === 'no' || value === 'false')
}

/** Docker's own default. */
const gracePeriodDefaultS = 10

function graceSeconds({ stopGracePeriod }: ComposeService): number | null {
  return stopGracePeriod === null ? gracePeriodDefaultS : parseComposeSeconds(stopGracePeriod.value)
}

/** Whether the database of a service is in what is mounted there. */
function keepsDatabase(service: ComposeService, { target, isReadOnly }: Mount): boolean {
  const image = service.image?.value ?? ''
  const set = service.environment.get('PGDATA')?.value
  if (set !== undefined && isBelow(set, [target])) return true
  // Everybody builds these with folders of their own.
  if (/patroni|spilo/.test(image)) return !isReadOnly
  // Official images have a nameless volume there, which hides a mount on the folder above it.
  if (set === undefined && hasOwnVolume(image)) return target === volumeHome(service)
  return isBelow(volumeHome(service), [target]) || holdsDatabase(target)
}

/** The official image before version 18, where that folder became the one above. */
function hasOwnVolume(image: string): boolean {
  const major = /(?:^|\/)(?:postgres|postgis|pgvector):(?:pg)?(\d+)/.exec(image)?.[1]
  return major !== undefined && Number(major) < 18
}

/** Where to mount a volume for the database of this image. */
function volumeHome({ image, environment }: ComposeService): string {
  const name = image?.value ?? ''
  if (/bitnami/.test(name)) return '/bitnami/postgresql'
  if (/spilo|timescaledb-ha/.test(name)) return '/home/postgres/pgdata'
  const set = environment.get('PGDATA')?.value
  if (set !== undefined && !isOpen(set)) return set
  return hasOwnVolume(name) ? '/var/lib/postgresql/data' : '/var/lib/postgresql'
}

function holdsDatabase(target: string): boolean {
  return (
    dataFolders.some((folder) => target === folder || target.startsWith(`${folder}/data`)) ||
    /^\/var\/lib\/(postgresql|pgsql)\/[\w./-]*(data|main)$/.test(target)
  )
}

function isUnknownTarget({ target }: Mount): boolean {
  return isOpen(target)
}

function collide(left: PublishedPort, right: PublishedPort): boolean {
  const isSameAddress =
    left.hostAddress === right.hostAddress || left.hostAddress === '' || right.hostAddress === ''
  return left.published === right.published && isSameAddress
}

/** `90`, `1m30s`, `2m`; null when it is none of these. */
function parseComposeSeconds(text: string): number | null {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?$/.exec(text)
  if (match === null || text === '') return null
  return Number(match[1] ?? 0) * 3600 + Number(match[2] ?? 0) * 60 + Number(match[3] ?? 0)
}

function partnerFaults(compose: ComposeFile): readonly Fault[] {
  const services = repmgrData(compose)
  if (services.length < 2) return []
  return databaseNodesOf(compose).flatMap(({ service }) => {
    const setting = service.environment.get('REPMGR_PARTNER_NODES')
    if (setting === undefined || isOpen(setting.value)) return []
    const partners = setting.value.split(/[,;\s]+/).map((one) => one.replace(/:\d+$/, ''))
    const missing = services.filter(
      (one) => !namesOf(one).some((name) => partners.includes(name) || isPrefixed(partners, name)),
    )
    const others = missing.filter((one) => one !== service)
    if (others.length === 0) return []
    const message = `REPMGR_PARTNER_NODES of ${service.name} lacks ${listed(others)}`
    return [
      faultAt(setting.place, message, {
        node: service.name,
        missing: others.map(({ name }) => name),
      }),
    ]
  })
}

/** A partner may be written with its domain. */
function isPrefixed(partners: readonly string[], name: string): boolean {
  return partners.some((partner) => partner.startsWith(`${name}.`))
}
