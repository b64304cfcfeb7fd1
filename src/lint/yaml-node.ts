// A YAML tree with lines: aliases and merge keys are followed, everything else is left as it stands.

import {
  type Document,
  LineCounter,
  type Scalar,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
} from 'yaml'
import type { ReadProblem } from './source-text.ts'

export type Entry = { readonly key: string; readonly line: number; readonly value: YamlNode | null }

export type YamlNode = {
  /** Of its first character, counted from 1. */
  readonly line: number
  /** A scalar as it stands in the file, without its quotes; null for collections and empty values. */
  text(): string | null
  /** Of a map, with those it merges; empty for anything else. */
  entries(): readonly Entry[]
  /** Of a sequence; empty for anything else. */
  items(): readonly YamlNode[]
  /** The value of a key of a map. */
  get(key: string): YamlNode | null
}

/** Merges and aliases are followed this deep, for a file may contain itself. */
const depthMax = 16

/** @param file its name, for the places of problems */
export function readYaml(
  file: string,
  text: string,
): { readonly root: YamlNode | null; readonly problems: readonly ReadProblem[] } {
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
    const problems = document.errors.slice(0, 3).map((error) => ({
      place: { file, line: lines.linePos(error.pos[0]).line },
      message: `it is no valid YAML: ${error.message.split('\n', 1)[0] ?? ''}`,
    }))
    const root = document.contents === null ? null : wrap(document, lines, document.contents, 0)
    return { root, problems }
  } catch (error) {
    // The parser promises not to throw; texts made to break it do not make us break.
    const reason = error instanceof Error ? error.message : String(error)
    return {
      root: null,
      problems: [{ place: { file, line: 1 }, message: `it is no YAML: ${reason}` }],
    }
  }
}

function wrap(
  document: Document,
  lines: LineCounter,
  raw: unknown,
  depth: number,
): YamlNode | null {
  const line = lineOf(lines, raw)
  let node = raw
  for (let step = 0; isAlias(node) && step < depthMax; step++) node = node.resolve(document)
  const child = (value: unknown) => wrap(document, lines, value, depth + 1)
  const entries = (): readonly Entry[] => {
    if (!isMap(node) || depth > depthMax) return []
    const own: Entry[] = []
    const merged: Entry[] = []
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : null
      const value = pair.value === null ? null : child(pair.value)
      if (key === '<<' || (isScalar(pair.key) && typeof pair.key.value === 'symbol')) {
        const sources = value === null ? [] : value.items().length > 0 ? value.items() : [value]
        merged.push(...sources.flatMap((source) => source.entries()))
      } else if (key !== null) own.push({ key, line: lineOf(lines, pair.key), value })
    }
    const names = new Set(own.map(({ key }) => key))
    return [...own, ...merged.filter(({ key }) => !names.has(key))]
  }
  if (raw === null || raw === undefined) return null
  return {
    line,
    text: () => (isScalar(node) ? textOf(node) : null),
    entries,
    items: () =>
      isSeq(node) && depth <= depthMax ? node.items.flatMap((item) => child(item) ?? []) : [],
    get: (key) => entries().find((entry) => entry.key === key)?.value ?? null,
  }
}

function textOf(node: Scalar): string | null {
  if (node.value === null) return null
  return node.source ?? (typeof node.value === 'string' ? node.value : JSON.stringify(node.value))
}

function lineOf(lines: LineCounter, node: unknown): number {
  const range = (node as { range?: readonly number[] | null } | null | undefined)?.range
  return range?.[0] === undefined ? 1 : lines.linePos(range[0]).line
}
