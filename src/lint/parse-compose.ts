// Reads docker-compose.yml into services with their ports, volumes and environment, with the line of
// each. Anchors, merge keys, `extends` and `${…}` are resolved. It judges nothing and never throws.

import { type Base, type Layers, composeTree, isTakenByItself, layersOf } from './compose-bases.ts'
import {
  type Mount,
  type PublishedPort,
  readMount,
  readPort,
  readTmpfs,
} from './compose-ports-and-volumes.ts'
import type { EnvFile } from './parse-env.ts'
import { interpolate } from './interpolate.ts'
import {
  type LintFile,
  type Place,
  type ReadProblem,
  folderOf,
  joinPath,
  linesOf,
} from './source-text.ts'
import type { Entry, YamlNode } from './yaml-node.ts'

export type EnvironmentValue = {
  /** With variables filled in. */
  readonly value: string
  /** As it stands in the file. */
  readonly raw: string
  readonly place: Place
}

export type ComposeText = { readonly value: string; readonly place: Place }

export type ComposeService = {
  readonly name: string
  readonly place: Place
  /** False: it extends one that was not given, so what is not seen here may be there. */
  readonly isWhole: boolean
  readonly image: ComposeText | null
  readonly isBuilt: boolean
  readonly containerName: string | null
  readonly hostname: string | null
  readonly aliases: readonly string[]
  readonly environment: ReadonlyMap<string, EnvironmentValue>
  readonly ports: readonly PublishedPort[]
  readonly mounts: readonly Mount[]
  readonly restart: ComposeText | null
  readonly hasRestartPolicy: boolean
  readonly hasPlacement: boolean
  readonly stopGracePeriod: ComposeText | null
  readonly hasSharedMemorySize: boolean
  readonly hasHealthcheck: boolean
  readonly networkMode: string | null
}

export type MissingVariable = {
  readonly name: string
  /** Perhaps nobody meant a variable: the dollar sign may be part of a password. */
  readonly isDoubtful: boolean
  readonly place: Place
}

export type ComposeFile = {
  readonly file: string
  readonly services: readonly ComposeService[]
  /** Services that its own ones extend, of whatever file. */
  readonly bases: readonly Base[]
  /** Those of files that were not given. */
  readonly missingBases: readonly Base[]
  /** What the .env file beside it says. */
  readonly variables: ReadonlyMap<string, string>
  readonly missingVariables: readonly MissingVariable[]
  readonly problems: readonly ReadProblem[]
}

type Reading = {
  readonly variables: ReadonlyMap<string, string>
  readonly envFiles: readonly EnvFile[]
}

/**
 * @param envFiles all that were read; the one beside the compose file fills in its variables
 * @param files where services that are extended are looked for
 */
export function parseCompose(
  file: LintFile,
  envFiles: readonly EnvFile[],
  files: readonly LintFile[] = [],
): ComposeFile {
  const { root, problems } = composeTree(file)
  const beside = joinPath(folderOf(file.path), '.env')
  const own = envFiles.find((one) => one.file === beside)
  const variables = new Map((own?.entries ?? []).map(({ key, value }) => [key, value]))
  const reading: Reading = { variables, envFiles }
  // Of a file that is broken somewhere nobody knows what belongs where.
  const services = problems.length > 0 ? null : (root?.get('services') ?? null)
  const all = (services?.entries() ?? []).map((entry) => ({
    entry,
    layers: layersOf(entry.value, services, files),
  }))
  return {
    file: file.path,
    services: all.map(({ entry, layers }) => readService(reading, entry, layers)),
    bases: all.flatMap(({ layers }) => layers.found),
    missingBases: all.flatMap(({ layers }) => layers.missing),
    variables,
    missingVariables: missingVariablesOf(file, variables),
    problems,
  }
}

/**
 * Without services that are there to be extended by another file: these are no nodes of their own. What
 * stands in their file is filled in with the variables of those who extend it.
 */
export function withoutBases(all: readonly ComposeFile[]): readonly ComposeFile[] {
  const users = new Map<string, { services: Set<string>; known: Set<string> }>()
  for (const { file: own, bases, variables } of all) {
    for (const { file, service } of bases.filter((base) => base.file !== own)) {
      const user = users.get(file) ?? { services: new Set(), known: new Set() }
      users.set(file, user)
      user.services.add(service)
      for (const name of variables.keys()) user.known.add(name)
    }
  }
  return all.map((compose) => {
    const user = users.get(compose.file)
    if (user === undefined || isTakenByItself(compose.file)) return compose
    return {
      ...compose,
      services: compose.services.filter(({ name }) => !user.services.has(name)),
      missingVariables: compose.missingVariables.filter(({ name }) => !user.known.has(name)),
    }
  })
}

/** Each name once, where it is met first. */
function missingVariablesOf(
  file: LintFile,
  variables: ReadonlyMap<string, string>,
): readonly MissingVariable[] {
  const found = new Map<string, MissingVariable>()
  for (const [index, line] of linesOf(file.text).entries()) {
    const text = line.replace(/^\s*#.*$|\s#.*$/, '')
    for (const name of interpolate(text, variables).missing) {
      const place = { file: file.path, line: index + 1 }
      if (!found.has(name))
        found.set(name, { name, isDoubtful: !isMeantAsVariable(text, name), place })
    }
  }
  return [...found.values()]
}

/** In braces, or in upper case and not in the middle of a word. */
function isMeantAsVariable(line: string, name: string): boolean {
  const isPlain = new RegExp(`(^|[\\s"'=:/,[])\\$${name}(?!\\w)`).test(line)
  return line.includes(`\${${name}`) || (isPlain && /^[A-Z][A-Z0-9_]*$/.test(name))
}

function readService(
  reading: Reading,
  entry: Entry,
  { nodes: layers, missing }: Layers,
): ComposeService {
  const node = (key: string) =>
    layers.map((one) => one.get(key)).find((one) => one !== null) ?? null
  const all = (key: string) => layers.flatMap((one) => one.get(key)?.items() ?? [])
  const fillIn = (value: string) => interpolate(value, reading.variables).value
  const text = (from: YamlNode | null): ComposeText | null => {
    const value = from?.text() ?? null
    if (from === null || value === null) return null
    return { value: fillIn(value), place: from.place }
  }
  const deploy = node('deploy')
  const mounts = [
    ...all('volumes').flatMap((one) => readMount(one, fillIn)),
    ...layers.flatMap((one) => readTmpfs(one.get('tmpfs'))),
  ]
  return {
    name: entry.key,
    place: entry.place,
    isWhole: missing.length === 0,
    image: text(node('image')),
    isBuilt: node('build') !== null,
    containerName: text(node('container_name'))?.value ?? null,
    hostname: text(node('hostname'))?.value ?? null,
    aliases: (node('networks')?.entries() ?? []).flatMap(({ value }) =>
      (value?.get('aliases')?.items() ?? []).flatMap((one) => one.text() ?? []),
    ),
    environment: readEnvironment(reading, layers),
    ports: all('ports').flatMap((one) => readPort(one, fillIn)),
    mounts,
    restart: text(node('restart')),
    hasRestartPolicy: (deploy?.get('restart_policy') ?? null) !== null,
    hasPlacement: (deploy?.get('placement') ?? null) !== null,
    stopGracePeriod: text(node('stop_grace_period')),
    hasSharedMemorySize:
      // Swarm knows no shm_size; a tmpfs in its place is what people take there.
      node('shm_size') !== null || node('ipc') !== null || mounts.some(isSharedMemory),
    hasHealthcheck: isHealthcheck(node('healthcheck')),
    networkMode: text(node('network_mode'))?.value ?? null,
  }
}

function isSharedMemory({ target }: Mount): boolean {
  return target === '/dev/shm'
}

function isHealthcheck(node: YamlNode | null): boolean {
  const test = node?.get('test') ?? null
  const isNone = [test?.text(), test?.items()[0]?.text()].includes('NONE')
  return node !== null && node.get('disable')?.text() !== 'true' && !isNone
}

/** Files of `env_file` first, for what stands in the service itself counts more. */
function readEnvironment(
  reading: Reading,
  layers: readonly YamlNode[],
): ReadonlyMap<string, EnvironmentValue> {
  const found = new Map<string, EnvironmentValue>()
  for (const layer of [...layers].reverse()) {
    for (const path of envFilePaths(layer.get('env_file'))) {
      const full = joinPath(folderOf(layer.place.file), path)
      const envFile = reading.envFiles.find((one) => one.file === full)
      for (const { key, value, raw, place } of envFile?.entries ?? []) {
        found.set(key, { value, raw, place })
      }
    }
    const environment = layer.get('environment')
    for (const [key, raw, place] of environmentPairs(environment)) {
      const value = raw === null ? (reading.variables.get(key) ?? null) : raw
      if (value === null) continue
      found.set(key, {
        value: interpolate(value, reading.variables).value,
        raw: raw ?? `\${${key}}`,
        place,
      })
    }
  }
  return found
}

function envFilePaths(node: YamlNode | null): readonly string[] {
  if (node === null) return []
  const single = node.text()
  if (single !== null) return [single]
  return node.items().flatMap((one) => one.text() ?? one.get('path')?.text() ?? [])
}

/** Key, value (null: taken from outside) and place; from the list form and the map form. */
function environmentPairs(
  node: YamlNode | null,
): readonly (readonly [string, string | null, Place])[] {
  if (node === null) return []
  const fromList = node.items().flatMap((one): [string, string | null, Place][] => {
    const text = one.text()
    if (text === null) return []
    const at = text.indexOf('=')
    return [at < 0 ? [text, null, one.place] : [text.slice(0, at), text.slice(at + 1), one.place]]
  })
  return [
    ...fromList,
    ...node.entries().map(({ key, value, place }) => [key, value?.text() ?? null, place] as const),
  ]
}
