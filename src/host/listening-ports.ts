// Which TCP ports of this machine are taken, and by whom, from /proc. Nothing is opened or sent.

import { readdirSync, readlinkSync } from 'node:fs'
import { readProcess } from './process-info.ts'
import { readTextOrNull } from './read-text.ts'

/** State of a listening socket in /proc/net/tcp. */
const listening = '0A'

export type ListeningSocket = {
  readonly port: number
  /** IPv4 as people write it; null for every address of the machine, and for IPv6. */
  readonly address: string | null
  readonly inode: string
}

/** Ports with a listening socket, with those sockets. */
export function listeningPorts(): ReadonlyMap<number, readonly ListeningSocket[]> {
  const ports = new Map<number, ListeningSocket[]>()
  // Without IPv6 there is no table for it.
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const socket of parseSocketTable(readTextOrNull(file) ?? '')) {
      ports.set(socket.port, [...(ports.get(socket.port) ?? []), socket])
    }
  }
  return ports
}

/** The listening sockets in a table of /proc/net (proc(5)). */
export function parseSocketTable(text: string): readonly ListeningSocket[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/)
      const [address = '', portText = ''] = fields[1]?.split(':') ?? []
      const port = Number.parseInt(portText, 16)
      const inode = fields[9]
      return fields[3] === listening && inode !== undefined && port > 0
        ? [{ port, address: parseAddress(address), inode }]
        : []
    })
}

/** Eight hex digits, the bytes in the order of a little-endian machine. */
function parseAddress(text: string): string | null {
  if (text.length !== 8 || text === '00000000') return null
  return [...Buffer.from(text, 'hex')].reverse().join('.')
}

export type PortOwner = { readonly pid: number; readonly name: string }

/** Who holds one of these sockets; null when that may not be seen (the process of another user). */
export function ownerOf(sockets: readonly ListeningSocket[]): PortOwner | null {
  const targets = new Set(sockets.map(({ inode }) => `socket:[${inode}]`))
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || !holdsOneOf(name, targets)) continue
    const info = readProcess(Number(name))
    if (info !== null) return { pid: info.pid, name: info.name }
  }
  return null
}

function holdsOneOf(pid: string, targets: ReadonlySet<string>): boolean {
  let descriptors: readonly string[]
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`)
  } catch {
    return false
  }
  return descriptors.some((descriptor) => {
    try {
      return targets.has(readlinkSync(`/proc/${pid}/fd/${descriptor}`))
    } catch {
      return false
    }
  })
}
