// Connections from the lab's client host. A process cannot be on two hosts, so a small helper there opens
// them and hands them over: from then on they are ours, and nothing stands between.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Dialer } from '../../host/dial.ts'

export type DialRequest = { readonly id: number; readonly host: string; readonly port: number }
export type DialAnswer = { readonly id: number; readonly error: string | null }

/** What the helper says first. */
export type DialReady = 'ready'

/** A helper that has not begun by then never will. */
const startMsMax = 30_000

type Waiting = {
  readonly resolve: (socket: Socket) => void
  readonly reject: (error: Error) => void
}

type Helper = { readonly child: ChildProcess; readonly isReady: Promise<void> }

/**
 * @param words that run a program on the client host
 * @param execPath Node itself
 * @param program of dialer-main.ts
 */
export function createDialer(words: readonly string[], execPath: string, program: string): Dialer {
  const waiting = new Map<number, Waiting>()
  let helper: Helper | null = null
  let count = 0

  const failAll = (why: string): void => {
    helper = null
    for (const { reject } of waiting.values()) reject(lost(why))
    waiting.clear()
  }
  const start = (): Helper => {
    const [first, ...rest] = [...words, execPath, program]
    const child = spawn(first, rest, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    child.on('error', (error) => failAll(error.message))
    child.on('exit', (code, signal) => failAll(`ended (${signal ?? String(code)})`))
    child.on('message', (answer: DialAnswer | DialReady, socket) => {
      if (answer === 'ready') return
      const one = waiting.get(answer.id)
      waiting.delete(answer.id)
      if (one === undefined) return
      if (answer.error === null && socket !== undefined) one.resolve(socket as Socket)
      else one.reject(Object.assign(new Error(answer.error ?? 'lost'), { code: answer.error }))
    })
    // A command ends when its work is done, and takes the helper along: a host that is cut off lets a
    // connection wait for minutes. Whoever waits has a deadline of its own.
    child.unref()
    child.channel?.unref()
    const isReady = untilReady(child)
    isReady.catch(() => undefined)
    return { child, isReady }
  }
  return {
    prepare: () => (helper ??= start()).isReady,
    dial: (host, port) =>
      new Promise((resolve, reject) => {
        const { child } = (helper ??= start())
        const request: DialRequest = { id: ++count, host, port }
        waiting.set(request.id, { resolve, reject })
        child.send(request, (error) => {
          if (error !== null) failAll(error.message)
        })
      }),
  }
}

/** Its timer also keeps this process alive meanwhile: nothing else does. */
async function untilReady(child: ChildProcess): Promise<void> {
  const waited = new AbortController()
  const over = (why: string) => () => waited.abort(lost(why))
  const timer = setTimeout(over(`not ready in ${String(startMsMax)} ms`), startMsMax)
  child.once('error', (error) => waited.abort(lost(error.message)))
  child.once('exit', over('ended before it was ready'))
  try {
    await once(child, 'message', { signal: waited.signal })
  } catch (error) {
    throw waited.signal.aborted ? waited.signal.reason : error
  } finally {
    clearTimeout(timer)
  }
}

function lost(why: string): Error {
  return new Error(`the lab's client host: ${why}`)
}
