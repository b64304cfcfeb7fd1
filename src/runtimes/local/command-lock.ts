// One command at a time may change a cluster. The lock is a socket in the kernel's abstract name space:
// taking it is atomic, and the kernel gives it back when its holder dies, however that happens.

import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'
import type { Server } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { PgherdError } from '../../lib/errors.ts'

export type CommandLock = { release(): Promise<void> }

const retryMs = 100
const answerMs = 500

/**
 * Waits up to `waitMs` for another command to finish.
 * @param directory the cluster's folder, or a file in it that has a lock of its own
 * @param command its name, for the message that others get
 * @throws PgherdError PGHERD_BUSY naming the other command
 */
export async function lockCluster(
  directory: string,
  command: string,
  waitMs: number,
): Promise<CommandLock> {
  const digest = createHash('sha256').update(directory).digest('hex').slice(0, 32)
  const name = `\0pgherd-command-${digest}`
  const endsAtMs = performance.now() + waitMs
  for (;;) {
    const server = await tryToListen(name, command)
    if (server !== null) {
      return { release: () => new Promise((resolve) => server.close(() => resolve())) }
    }
    if (performance.now() >= endsAtMs) throw busyError(await askHolder(name))
    await pause(retryMs)
  }
}

/** Null when somebody else has the name. */
function tryToListen(name: string, command: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.end(`pgherd ${command}, process ${String(process.pid)}`)
    })
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(null)
      else reject(error)
    })
    server.listen(name, () => resolve(server))
    server.unref()
  })
}

/** Who holds the lock, in words; null when the holder does not say. */
function askHolder(name: string): Promise<string | null> {
  return new Promise((resolve) => {
    let words = ''
    const socket = connect(name)
    socket.setTimeout(answerMs, () => socket.destroy())
    socket.on('data', (chunk) => (words += chunk.toString()))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(words === '' ? null : words))
  })
}

function busyError(holder: string | null): PgherdError {
  return new PgherdError({
    code: 'PGHERD_BUSY',
    reason: 'system',
    message: 'another command is at work on this cluster',
    ...(holder === null ? {} : { because: `it is ${holder}` }),
    hint: 'wait until it has finished, or end it, then run the command again',
  })
}
