// Reads docker-compose.yml into services with their ports, volumes and environment, with the line of
// each. Anchors, merge keys, `extends` and `${…}` are resolved. It judges nothing and never throws.

import type { EnvFile } from './parse-env.ts'
import { interpolate } from './interpolate.ts'
import {
  type LintFile,
  type Place,
  type ReadProblem,
  folderOf,
  isOpen,
  joinPath,
  linesOf,
  parseCount,
  withoutTemplates,
} from './source-text.ts'
import { type Entry, type YamlNode, readYaml } from './yaml-node.ts'

export type PublishedPort = {
  /** Empty: every address of the host. */
  readonly hostAddress: string
  readonly published: number
  readonly target: number
  readonly place: Place
}

export type Mount = {
  /** Name of a volume or path on the host; null for an anonymous one. */
  readonly source: string | null
  readonly target: string
  readonly kind: 'volume' | 'bind' | 'tmpfs'
  readonly isReadOnly: boolean
  readonly place: Place
}

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
  readonly missingVariables: readonly MissingVariable[]
  readonly problems: readonly ReadProblem[]
}

type Reading = {
  readonly file: string
  readonly variables: ReadonlyMap<string, string>
  readonly envFiles: readonly EnvFile[]
}

/** @param envFiles all that were read; the one beside the compose file fills in its variables */
export function parseCompose(file: LintFile, envFiles: readonly EnvFile[]): ComposeFile {
  const { root, problems } = readYaml(file.path, withoutTemplates(file.text))
  const beside = joinPath(folderOf(file.path), '.env')
  const own = envFiles.find((one) => one.file === beside)
  const variables = new Map((own?.entries ?? []).map(({ key, value }) => [key, value]))
  const reading: Reading = { file: file.path, variables, envFiles }
  // Of a file that is broken somewhere nobody knows what belongs where.
  const services = problems.length > 0 ? null : (root?.get('services') ?? null)
  return {
    file: file.path,
    services: (services?.entries() ?? []).map((entry) =>
      readService(reading, entry, withBases(entry.value, services, 0)),
    ),
    missingVariables: missingVariablesOf(file, variables),
    problems,
  }
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

/** `extends` of the same file is followed this deep. */
const extendsDepthMax = 8

/** The service and what it extends, nearest first. */
function withBases(
  service: YamlNode | null,
  services: YamlNode | null,
  depth: number,
): readonly YamlNode[] {
  if (service === null) return []
  const extended = service.get('extends')
  const isElsewhere = (extended?.get('file') ?? null) !== null
  const name = extended?.text() ?? extended?.get('service')?.text() ?? null
  if (name === null || isElsewhere || depth >= extendsDepthMax) return [service]
  return [service, ...withBases(services?.get(name) ?? null, services, depth + 1)]
}

function readService(reading: Reading, entry: Entry, layers: readonly YamlNode[]): ComposeService {
  const node = (key: string) =>
    layers.map((one) => one.get(key)).find((one) => one !== null) ?? null
  const all = (key: string) => layers.flatMap((one) => one.get(key)?.items() ?? [])
  const text = (from: YamlNode | null): ComposeText | null => {
    const value = from?.text() ?? null
    if (from === null || value === null) return null
    return { value: interpolate(value, reading.variables).value, place: placeOf(reading, from) }
  }
  const deploy = node('deploy')
  const mounts = [
    ...all('volumes').flatMap((one) => readMount(reading, one)),
    ...layers.flatMap((one) => readTmpfs(reading, one.get('tmpfs'))),
  ]
  return {
    name: entry.key,
    place: { file: reading.file, line: entry.line },
    image: text(node('image')),
    isBuilt: node('build') !== null,
    containerName: text(node('container_name'))?.value ?? null,
    hostname: text(node('hostname'))?.value ?? null,
    aliases: (node('networks')?.entries() ?? []).flatMap(({ value }) =>
      (value?.get('aliases')?.items() ?? []).flatMap((one) => one.text() ?? []),
    ),
    environment: readEnvironment(reading, layers),
    ports: all('ports').flatMap((one) => readPort(reading, one)),
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

function placeOf(reading: Reading, node: YamlNode): Place {
  return { file: reading.file, line: node.line }
}

/** Files of `env_file` first, for what stands in the service itself counts more. */
function readEnvironment(
  reading: Reading,
  layers: readonly YamlNode[],
): ReadonlyMap<string, EnvironmentValue> {
  const found = new Map<string, EnvironmentValue>()
  for (const layer of [...layers].reverse()) {
    for (const path of envFilePaths(layer.get('env_file'))) {
      const full = joinPath(folderOf(reading.file), path)
      const envFile = reading.envFiles.find((one) => one.file === full)
      for (const { key, value, raw, place } of envFile?.entries ?? []) {
        found.set(key, { value, raw, place })
      }
    }
    const environment = layer.get('environment')
    for (const [key, raw, line] of environmentPairs(environment)) {
      const value = raw === null ? (reading.variables.get(key) ?? null) : raw
      if (value === null) continue
      found.set(key, {
        value: interpolate(value, reading.variables).value,
        raw: raw ?? `\${${key}}`,
        place: { file: reading.file, line },
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

/** Key, value (null: taken from outside) and line; from the list form and the map form. */
function environmentPairs(
  node: YamlNode | null,
): readonly (readonly [string, string | null, number])[] {
  if (node === null) return []
  const fromList = node.items().flatMap((one): [string, string | null, number][] => {
    const text = one.text()
    if (text === null) return []
    const at = text.indexOf('=')
    return [at < 0 ? [text, null, one.line] : [text.slice(0, at), text.slice(at + 1), one.line]]
  })
  return [
    ...fromList,
    ...node.entries().map(({ key, value, line }) => [key, value?.text() ?? null, line] as const),
  ]
}

/** More ports than this in one range are no database's. */
const rangeLengthMax = 100

function readPort(reading: Reading, node: YamlNode): readonly PublishedPort[] {
  const place = placeOf(reading, node)
  const fill = (text: string | null | undefined) => interpolate(text ?? '', reading.variables).value
  const short = node.text()
  if (short === null) {
    const published = rangeOf(fill(node.get('published')?.text()))
    const target = rangeOf(fill(node.get('target')?.text()))
    return zip(fill(node.get('host_ip')?.text()), published, target, place)
  }
  const bare = fill(short).replace(/\/(tcp|udp|sctp)$/, '')
  const match = /^(?:(\[[^\]]*\]|[^:]*):)?([^:]*):([^:]*)$/.exec(bare)
  if (match === null) return []
  const [, host = '', published = '', target = ''] = match
  return zip(host.replace(/^\[|\]$/g, ''), rangeOf(published), rangeOf(target), place)
}

function rangeOf(text: string): readonly number[] {
  const [first, last] = text.split('-').map(parseCount)
  if (first === undefined || first === null || last === null) return []
  const count = (last ?? first) - first + 1
  return Array.from({ length: Math.max(0, Math.min(count, rangeLengthMax)) }, (_, at) => first + at)
}

function zip(
  hostAddress: string,
  published: readonly number[],
  target: readonly number[],
  place: Place,
): readonly PublishedPort[] {
  const everywhere = hostAddress === '0.0.0.0' || hostAddress === '::' ? '' : hostAddress
  return published.flatMap((port, index) => {
    const inside = target[index] ?? target[0]
    if (inside === undefined) return []
    return [{ hostAddress: everywhere, published: port, target: inside, place }]
  })
}

function readMount(reading: Reading, node: YamlNode): readonly Mount[] {
  const place = placeOf(reading, node)
  const fill = (text: string | null | undefined) => interpolate(text ?? '', reading.variables).value
  const short = node.text()
  if (short === null) {
    const target = fill(node.get('target')?.text())
    const kind = node.get('type')?.text()
    const source = node.get('source')?.text()
    if (target === '') return []
    return [
      {
        source: source === undefined || source === null ? null : fill(source),
        target: withoutEndSlash(target),
        kind: kind === 'tmpfs' || kind === 'bind' ? kind : 'volume',
        isReadOnly: node.get('read_only')?.text() === 'true',
        place,
      },
    ]
  }
  const parts = fill(short).split(':')
  const [source = '', target] = parts
  if (target === undefined) {
    return [
      { source: null, target: withoutEndSlash(source), kind: 'volume', isReadOnly: false, place },
    ]
  }
  return [
    {
      source: withoutEndSlash(source),
      target: withoutEndSlash(target),
      kind: /^[./~]/.test(source) || isOpen(source) ? 'bind' : 'volume',
      isReadOnly: (parts[2] ?? '').split(',').includes('ro'),
      place,
    },
  ]
}

function readTmpfs(reading: Reading, node: YamlNode | null): readonly Mount[] {
  if (node === null) return []
  const nodes = node.text() === null ? node.items() : [node]
  return nodes.flatMap((one): Mount[] => {
    const target = withoutEndSlash((one.text() ?? '').split(':')[0] ?? '')
    return [
      { source: null, target, kind: 'tmpfs', isReadOnly: false, place: placeOf(reading, one) },
    ]
  })
}

function withoutEndSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}
