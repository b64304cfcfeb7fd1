// Ports and volumes of a compose service, in their short forms and in the long ones. Never throws.

import { type Place, isOpen, parseCount } from './source-text.ts'
import type { YamlNode } from './yaml-node.ts'

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

type FillIn = (text: string) => string

/** More ports than this in one range are no database's. */
const rangeLengthMax = 100

/** @param fillIn puts values in the place of variables */
export function readPort(node: YamlNode, fillIn: FillIn): readonly PublishedPort[] {
  const { place } = node
  const fill = (text: string | null | undefined) => fillIn(text ?? '')
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

/** @param fillIn puts values in the place of variables */
export function readMount(node: YamlNode, fillIn: FillIn): readonly Mount[] {
  const { place } = node
  const fill = (text: string | null | undefined) => fillIn(text ?? '')
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

/** A tmpfs has a key of its own. */
export function readTmpfs(node: YamlNode | null): readonly Mount[] {
  if (node === null) return []
  const nodes = node.text() === null ? node.items() : [node]
  return nodes.flatMap((one): Mount[] => {
    const target = withoutEndSlash((one.text() ?? '').split(':')[0] ?? '')
    return [{ source: null, target, kind: 'tmpfs', isReadOnly: false, place: one.place }]
  })
}

function withoutEndSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}
