// Which TCP ports of this machine are taken, and by whom, from /proc. Nothing is opened or sent.

import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { readProcess } from './process-info.ts'

/** State of a listening socket in /proc/net/tcp. */
const listening = '0A'

/** Ports with a listening socket, with the inodes of those sockets. */
export function listeningPorts(): ReadonlyMap<number, readonly string[]> {
  const ports = new Map<number, string[]>()
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const [port, inode] of parseSocketTable(readTable(file))) {
      ports.set(port, [...(ports.get(port) ?? []), inode])
    }
  }
  return ports
}

/** Port and inode of each listening socket in a table of /proc/net. */
export function parseSocketTable(text: string): readonly (readonly [number, string])[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/)
      const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)
      const inode = fields[9]
      return fields[3] === listening && inode !== undefined && port > 0
        ? [[port, inode] as const]
        : []
    })
}

export type PortOwner = { readonly pid: number; readonly name: string }

/** Who listens on a port; null when that may not be seen (the process of another user). */
export function ownerOfPort(port: number): PortOwner | null {
  const inodes = listeningPorts().get(port) ?? []
  const targets = new Set(inodes.map((inode) => `socket:[${inode}]`))
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

function readTable(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // Without IPv6 there is no table for it.
    return ''
  }
}
