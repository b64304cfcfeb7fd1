// Connections from the lab's client host. A process cannot be on two hosts, so a small helper there opens
// them and hands them over: from then on they are ours, and nothing stands between.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Dial } from '../../host/dial.ts'

export type DialRequest = { readonly id: number; readonly host: string; readonly port: number }
export type DialAnswer = { readonly id: number; readonly error: string | null }

type Waiting = {
  readonly resolve: (socket: Socket) => void
  readonly reject: (error: Error) => void
}

/**
 * @param words that run a program on the client host
 * @param execPath Node itself
 * @param helper the program of dialer-main.ts
 */
export function createDialer(words: readonly string[], execPath: string, helper: string): Dial {
  const waiting = new Map<number, Waiting>()
  let child: ChildProcess | null = null
  let count = 0

  const failAll = (why: string): void => {
    child = null
    for (const { reject } of waiting.values()) reject(new Error(`the lab's client host: ${why}`))
    waiting.clear()
  }
  const start = (): ChildProcess => {
    const [program, ...rest] = [...words, execPath, helper]
    const started = spawn(program, rest, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    started.on('error', (error) => failAll(error.message))
    started.on('exit', (code, signal) => failAll(`ended (${signal ?? String(code)})`))
    started.on('message', (answer: DialAnswer, socket) => {
      const one = waiting.get(answer.id)
      waiting.delete(answer.id)
      if (one === undefined) return
      if (answer.error === null && socket !== undefined) one.resolve(socket as Socket)
      else one.reject(Object.assign(new Error(answer.error ?? 'lost'), { code: answer.error }))
    })
    // A command ends when its work is done, and takes the helper along: a host that is cut off lets a
    // connection wait for minutes. Whoever waits has a deadline of its own.
    started.unref()
    started.channel?.unref()
    return started
  }
  return (host, port) =>
    new Promise((resolve, reject) => {
      child ??= start()
      const request: DialRequest = { id: ++count, host, port }
      waiting.set(request.id, { resolve, reject })
      child.send(request, (error) => {
        if (error !== null) failAll(error.message)
      })
    })
}
