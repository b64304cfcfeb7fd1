// The socket on which the agent speaks to the guard. One agent at a time: a newer one takes the place
// of the old. Nothing here decides anything; each message goes to `handle`.

import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createLineParser, renderLine, type GuardMessage, type GuardReply } from './protocol.ts'

export type AgentConnectionOptions = {
  readonly socketPath: string
  readonly handle: (message: GuardMessage) => void
  /** Called before anything that came over the socket is looked at. */
  readonly beforeAnything: () => void
  readonly log: (message: string) => void
}

export class AgentConnection {
  readonly #options: AgentConnectionOptions
  readonly #server: Server
  #agent: Socket | null = null

  constructor(options: AgentConnectionOptions) {
    this.#options = options
    this.#server = createServer((socket) => {
      this.#accept(socket)
    })
  }

  /** @throws Error when another guard answers on the socket, or it cannot be made */
  async listen(): Promise<void> {
    const { socketPath } = this.#options
    if (await isAnswered(socketPath)) throw new Error(`another guard answers on ${socketPath}`)
    rmSync(socketPath, { force: true })
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(socketPath, resolve)
    })
    chmodSync(socketPath, 0o600)
  }

  isConnected(): boolean {
    return this.#agent !== null
  }

  /** Sends to the agent, when there is one. */
  send(reply: GuardReply): void {
    this.#agent?.write(renderLine(reply))
  }

  close(): void {
    this.#agent?.end()
    this.#server.close()
    rmSync(this.#options.socketPath, { force: true })
  }

  #accept(socket: Socket): void {
    const { beforeAnything, handle, log } = this.#options
    beforeAnything()
    this.send({ type: 'replaced' })
    this.#agent?.end()
    this.#agent = socket
    const parse = createLineParser()
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      beforeAnything()
      // A replaced agent has nothing to say any more.
      if (this.#agent !== socket) return
      try {
        for (const message of parse(chunk)) handle(message as GuardMessage)
      } catch (error) {
        log(`the agent sent nonsense, its connection is closed: ${String(error)}`)
        socket.destroy()
      }
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      beforeAnything()
      if (this.#agent === socket) this.#agent = null
    })
  }
}

/** Whether somebody accepts connections on this socket. */
function isAnswered(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
}
