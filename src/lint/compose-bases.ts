// What a service of a compose file extends: in the same file, or in another one that was given as well.

import { foundOnce } from './found-once.ts'
import {
  type LintFile,
  type Place,
  folderOf,
  isOpen,
  joinPath,
  nameOf,
  withoutTemplates,
} from './source-text.ts'
import { type YamlNode, readYaml } from './yaml-node.ts'

/** Text of a compose file as a tree; several files may extend it. */
export const composeTree = foundOnce((file: LintFile) =>
  readYaml(file.path, withoutTemplates(file.text)),
)

/** A service that another one extends. */
export type Base = { readonly file: string; readonly service: string; readonly place: Place }

export type Layers = {
  /** The service and what it extends, nearest first. */
  readonly nodes: readonly YamlNode[]
  /** Those that were found. */
  readonly found: readonly Base[]
  /** Those of files that were not given, or cannot be read. */
  readonly missing: readonly Base[]
}

/** `extends` is followed this deep, for services may extend each other. */
const extendsDepthMax = 8

const byPath = foundOnce(
  (files: readonly LintFile[]): ReadonlyMap<string, LintFile> =>
    new Map(files.map((file) => [file.path, file])),
)

/** @param files where extended services are looked for */
export function layersOf(
  service: YamlNode | null,
  services: YamlNode | null,
  files: readonly LintFile[],
  depth = 0,
): Layers {
  if (service === null) return { nodes: [], found: [], missing: [] }
  const alone = { nodes: [service], found: [], missing: [] }
  const base = baseOf(service)
  if (base === null || depth >= extendsDepthMax) return alone
  const isHere = base.file === service.place.file
  const around = isHere ? services : servicesIn(byPath(files).get(base.file))
  const next = around?.get(base.service) ?? null
  if (next === null) return { ...alone, missing: isHere ? [] : [base] }
  const { nodes, found, missing } = layersOf(next, around, files, depth + 1)
  return { nodes: [service, ...nodes], found: [base, ...found], missing }
}

function baseOf(service: YamlNode): Base | null {
  const extended = service.get('extends')
  const name = extended?.text() ?? extended?.get('service')?.text() ?? null
  if (extended === null || name === null) return null
  const named = extended.get('file') ?? extended
  const path = extended.get('file')?.text() ?? null
  const own = extended.place.file
  const file = path === null ? own : joinPath(folderOf(own), path)
  return { file, service: name, place: named.place }
}

function servicesIn(file: LintFile | undefined): YamlNode | null {
  if (file === undefined) return null
  const { root, problems } = composeTree(file)
  return problems.length > 0 ? null : (root?.get('services') ?? null)
}

/** The files that services of this one extend, as seen from where `file` is seen. */
export function extendedFilesOf(file: LintFile): readonly string[] {
  if (!file.text.includes('extends')) return []
  const bases = (servicesIn(file)?.entries() ?? []).flatMap(({ value }) =>
    value === null ? [] : (baseOf(value)?.file ?? []),
  )
  return [...new Set(bases)].filter((path) => path !== file.path && !isOpen(path))
}

/** Whether Compose takes a file of this name when nobody names one. */
export function isTakenByItself(path: string): boolean {
  return /^(docker-)?compose(\.override)?\.ya?ml$/i.test(nameOf(path))
}
