// A YAML tree with places: aliases and merge keys are followed, everything else is left as it stands.

import {
  type Document,
  LineCounter,
  type Node,
  type Scalar,
  type YAMLMap,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  visit,
} from 'yaml'
import type { Place, ReadProblem } from './source-text.ts'

export type Entry = {
  readonly key: string
  readonly place: Place
  readonly value: YamlNode | null
}

export type YamlNode = {
  /** Of its first character. */
  readonly place: Place
  /** A scalar as it stands in the file, without its quotes; null for collections and empty values. */
  text(): string | null
  /** Of a map, with those it merges; empty for anything else. */
  entries(): readonly Entry[]
  /** Of a sequence; empty for anything else. */
  items(): readonly YamlNode[]
  /** The value of a key of a map. */
  get(key: string): YamlNode | null
}

export type YamlText = {
  readonly root: YamlNode | null
  readonly problems: readonly ReadProblem[]
}

/** Merges are followed this deep. */
const depthMax = 100

/** More problems of one file help nobody. */
const problemsMax = 3

type Entries = ReadonlyMap<string, Entry>

type Tree = {
  readonly placeOf: (node: unknown) => Place
  /** What an alias stands for. */
  readonly targets: ReadonlyMap<unknown, Node>
  /** Found once for each map; one that merges itself finds what is there so far. */
  readonly entries: Map<unknown, Entries>
}

/** @param file its name, for places */
export function readYaml(file: string, text: string): YamlText {
  const lines = new LineCounter()
  const placeAt = (offset: number) => ({ file, line: lines.linePos(offset).line })
  const placeOf = (node: unknown): Place => {
    const range = (node as { range?: readonly number[] | null } | null | undefined)?.range
    return range?.[0] === undefined ? { file, line: 1 } : placeAt(range[0])
  }
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      merge: true,
      // The parser compares each key with all before it, which takes minutes for very large files.
      uniqueKeys: false,
    })
    const { targets, faults } = examine(document)
    const invalid = [
      ...document.errors.map((error) => ({
        place: placeAt(error.pos[0]),
        reason: error.message.split('\n', 1)[0] ?? '',
      })),
      ...faults.map(({ node, reason }) => ({ place: placeOf(node), reason })),
    ]
    const problems = invalid
      .slice(0, problemsMax)
      .map(({ place, reason }) => ({ place, message: `it is no valid YAML: ${reason}` }))
    const tree: Tree = { placeOf, targets, entries: new Map() }
    return { root: wrap(tree, document.contents, 0), problems }
  } catch (error) {
    // The parser promises not to throw; texts made to break it do not make us break.
    const reason = error instanceof Error ? error.message : String(error)
    const problem = { place: { file, line: 1 }, message: `it is no YAML: ${reason}` }
    return { root: null, problems: [problem] }
  }
}

type NodeFault = { readonly node: Node; readonly reason: string }

/** What aliases stand for, the nearest anchor of their name before them, and what no parser may take. */
function examine(document: Document): { targets: Map<unknown, Node>; faults: NodeFault[] } {
  const anchors = new Map<string, Node>()
  const targets = new Map<unknown, Node>()
  const faults: NodeFault[] = []
  visit(document, {
    Node: (_, node) => {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.set(node.anchor, node)
        if (isMap(node)) for (const fault of repeatedKeys(node)) faults.push(fault)
        return
      }
      const target = anchors.get(node.source)
      if (target !== undefined) targets.set(node, target)
      else faults.push({ node, reason: `no anchor &${node.source} stands before *${node.source}` })
    },
  })
  return { targets, faults }
}

function repeatedKeys(map: YAMLMap): readonly NodeFault[] {
  const keys = new Set<unknown>()
  const faults: NodeFault[] = []
  for (const { key } of map.items) {
    if (!isScalar(key)) continue
    if (keys.has(key.value)) faults.push({ node: key, reason: 'a key is there twice' })
    keys.add(key.value)
  }
  return faults
}

function wrap(tree: Tree, raw: unknown, depth: number): YamlNode | null {
  if (raw === null || raw === undefined) return null
  const node = isAlias(raw) ? tree.targets.get(raw) : raw
  return {
    place: tree.placeOf(raw),
    text: () => (isScalar(node) ? textOf(node) : null),
    entries: () => [...entriesOf(tree, node, depth).values()],
    items: () => (isSeq(node) ? node.items.flatMap((item) => wrap(tree, item, depth) ?? []) : []),
    get: (key) => entriesOf(tree, node, depth).get(key)?.value ?? null,
  }
}

/** Its own entries, then those it merges: a key that is met first counts. */
function entriesOf(tree: Tree, node: unknown, depth: number): Entries {
  const known = tree.entries.get(node)
  if (known !== undefined) return known
  const found = new Map<string, Entry>()
  tree.entries.set(node, found)
  if (!isMap(node)) return found
  const merged: YamlNode[] = []
  for (const pair of node.items) {
    const key = isScalar(pair.key) ? pair.key.value : null
    if (key === '<<' || typeof key === 'symbol') {
      const value = wrap(tree, pair.value, depth + 1)
      const sources = value?.items() ?? []
      if (value !== null) merged.push(...(sources.length > 0 ? sources : [value]))
    } else if (isScalar(pair.key)) {
      const name = String(key)
      const entry = { key: name, place: tree.placeOf(pair.key), value: wrap(tree, pair.value, 0) }
      if (!found.has(name)) found.set(name, entry)
    }
  }
  if (depth >= depthMax) return found
  for (const source of merged)
    for (const entry of source.entries()) if (!found.has(entry.key)) found.set(entry.key, entry)
  return found
}

function textOf(node: Scalar): string | null {
  if (node.value === null) return null
  return node.source ?? (typeof node.value === 'string' ? node.value : JSON.stringify(node.value))
}
