// L3xx: whether each node keeps its database in a volume of its own.

import { dataFolders, databaseNodesOf, isBelow } from '../../database-node.ts'
import { perComposeFile, perNode } from '../../frames.ts'
import type { Mount } from '../../compose-ports-and-volumes.ts'
import type { ComposeService } from '../../parse-compose.ts'
import { type Rule, faultAt } from '../../rule.ts'
import { isOpen } from '../../source-text.ts'

export const composeVolumeRules: readonly Rule[] = [
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
      const isKnown = service.isWhole && !service.mounts.some(isUnknownTarget)
      if (role !== 'data' || kept.length > 0 || !isKnown) return []
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
    check: perComposeFile((compose) => {
      const users = new Map<string, readonly ComposeService[]>()
      return databaseNodesOf(compose).flatMap(({ service }) =>
        service.mounts.flatMap(({ source, target, isReadOnly, place }) => {
          if (source === null || isReadOnly || !holdsDatabase(target)) return []
          const known = users.get(source) ?? []
          const before = known.find((one) => one !== service)
          // Two of them are enough: one is another one than whoever comes next.
          if (known.length < 2 && !known.includes(service)) users.set(source, [...known, service])
          if (before === undefined) return []
          const message = `${service.name} and ${before.name} both keep their database in ${source}`
          return [faultAt(place, message, { nodes: [before.name, service.name] })]
        }),
      )
    }),
  },
]

/** Whether the database of a service is in what is mounted there. */
function keepsDatabase(service: ComposeService, { target, isReadOnly }: Mount): boolean {
  const image = service.image?.value ?? ''
  const set = service.environment.get('PGDATA')?.value
  if (set !== undefined && isBelow(set, new Set([target]))) return true
  // Everybody builds these with folders of their own.
  if (/patroni|spilo/.test(image)) return !isReadOnly
  // Official images have a nameless volume there, which hides a mount on the folder above it.
  if (set === undefined && hasOwnVolume(image)) return target === volumeHome(service)
  return isBelow(volumeHome(service), new Set([target])) || holdsDatabase(target)
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
    [...dataFolders].some((folder) => target === folder || target.startsWith(`${folder}/data`)) ||
    /^\/var\/lib\/(postgresql|pgsql)\/[\w./-]*(data|main)$/.test(target)
  )
}

function isUnknownTarget({ target }: Mount): boolean {
  return isOpen(target)
}
