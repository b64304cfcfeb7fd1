// Everything that was read, taken together: what rules look at.

import { type ComposeFile, type ComposeService, parseCompose } from './parse-compose.ts'
import { type EnvFile, parseEnv } from './parse-env.ts'
import { type HaproxyFile, parseHaproxy } from './parse-haproxy.ts'
import { type KeepalivedFile, parseKeepalived } from './parse-keepalived.ts'
import { type ScriptFile, parseScript } from './parse-script.ts'
import { type FoundSetting, parseSettings } from './parse-settings.ts'
import { type FileKind, recogniseKind } from './recognise.ts'
import type { LintFile, ReadProblem } from './source-text.ts'

export type RecognisedFile = LintFile & { readonly kind: FileKind }

export type Deployment = {
  readonly files: readonly RecognisedFile[]
  readonly haproxy: readonly HaproxyFile[]
  readonly keepalived: readonly KeepalivedFile[]
  readonly compose: readonly ComposeFile[]
  readonly env: readonly EnvFile[]
  readonly scripts: readonly ScriptFile[]
  readonly settings: readonly FoundSetting[]
  /** What could not be read. */
  readonly problems: readonly ReadProblem[]
}

/**
 * Takes the files apart. Never throws: what cannot be read becomes a problem.
 * @param unreadable files that could not even be opened
 */
export function readDeployment(
  files: readonly LintFile[],
  unreadable: readonly ReadProblem[] = [],
): Deployment {
  const recognised = files.flatMap((file): RecognisedFile[] => {
    const kind = recogniseKind(file)
    return kind === null ? [] : [{ ...file, kind }]
  })
  const ofKind = (kind: FileKind) => recognised.filter((file) => file.kind === kind)
  const everyKeepalived = ofKind('keepalived').map((file, _, all) => parseKeepalived(file, all))
  // What another file includes is no balancer of its own, unless each includes the other.
  const keepalived = everyKeepalived.filter(({ file, included }) =>
    everyKeepalived.every(
      (other) => !other.included.includes(file) || included.includes(other.file),
    ),
  )
  const env = ofKind('env').map(parseEnv)
  const compose = ofKind('compose').map((file) => parseCompose(file, env))
  return {
    files: recognised,
    haproxy: ofKind('haproxy').map(parseHaproxy),
    keepalived,
    compose,
    env,
    scripts: ofKind('script').map(parseScript),
    settings: recognised.flatMap(parseSettings),
    problems: [
      ...unreadable,
      ...[...keepalived, ...env, ...compose].flatMap(({ problems }) => problems),
    ],
  }
}

/** A service that runs PostgreSQL, with what it is to the cluster. */
export type DatabaseNode = {
  readonly service: ComposeService
  readonly role: 'data' | 'witness'
  readonly isRepmgr: boolean
}

/** The nodes of one compose file. */
export function databaseNodesOf(compose: ComposeFile): readonly DatabaseNode[] {
  return compose.services.flatMap((service): DatabaseNode[] => {
    const image = service.image?.value.toLowerCase() ?? ''
    const isRepmgr = /repmgr/.test(image) || service.environment.has('REPMGR_NODE_NAME')
    const isServer =
      /(^|[/_-])(postgres(ql)?|postgis|timescaledb(-ha)?|pgvector|spilo|patroni)([-_:@/]|$)/.test(
        image,
      )
    const isOther = /exporter|pgadmin|bouncer|pgpool|backup|client|adminer|postgrest|pgcat/.test(
      image,
    )
    if ((!isServer && !isRepmgr) || isOther) return []
    const type = service.environment.get('REPMGR_NODE_TYPE')?.value
    return [{ service, role: type === 'witness' ? 'witness' : 'data', isRepmgr }]
  })
}

/** The nodes that hold the database, of every compose file. */
export function dataNodesOf(deployment: Deployment): readonly DatabaseNode[] {
  return deployment.compose.flatMap(databaseNodesOf).filter(({ role }) => role === 'data')
}

/** Every name under which others may know a service. */
export function namesOf(service: ComposeService): readonly string[] {
  const names = [service.name, service.containerName, service.hostname, ...service.aliases]
  const repmgr = ['REPMGR_NODE_NAME', 'REPMGR_NODE_NETWORK_NAME'].map(
    (key) => service.environment.get(key)?.value,
  )
  return [...names, ...repmgr].filter(
    (name): name is string => typeof name === 'string' && name !== '',
  )
}

/** Where the images keep the database; paths below are inside the data directory or its volume. */
export const dataFolders = [
  '/bitnami/postgresql',
  '/var/lib/postgresql',
  '/var/lib/pgsql',
  '/home/postgres/pgdata',
] as const

/** Whether `path` is one of `folders` or lies below it. */
export function isBelow(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(`${folder}/`))
}
