// Ports that nobody listens on, for tests that start servers.

import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * `count` different TCP ports of the loopback address, free a moment ago. They lie below the range from
 * which the system takes ports for outgoing connections, or a client could take one before we do.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const candidate = randomInt(10_000, 30_000)
    if (!ports.has(candidate) && (await isFree(candidate))) ports.add(candidate)
  }
  return [...ports]
}

/** The first of `size` successive ports that are all free. */
export async function freePortBlock(size: number): Promise<number> {
  for (;;) {
    const first = randomInt(10_000, 30_000 - size)
    const ports = Array.from({ length: size }, (_, index) => first + index)
    const found = await Promise.all(ports.map(isFree))
    if (found.every(Boolean)) return first
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => resolve(true))
    })
  })
}
