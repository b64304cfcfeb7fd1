// One connection to a guard: requests with answers and deadlines, a heartbeat, and the guard's own
// messages. A lost connection is never reopened here; guard-client.ts makes a new one.

import { connect, type Socket } from 'node:net'
import {
  createLineParser,
  renderLine,
  type GuardMessage,
  type GuardReply,
  type GuardState,
} from '../../guard/protocol.ts'

export type GuardEvent = Exclude<GuardReply, { type: 'answer' } | { type: 'refusal' }>

export type ConnectionListeners = {
  readonly onState: (state: GuardState) => void
  readonly onEvent: (event: GuardEvent) => void
  /** The connection has ended; `isReplaced` when a newer agent took it. */
  readonly onClose: (isReplaced: boolean) => void
}

/** The guard said no, and why. */
export class GuardRefusal extends Error {
  override readonly name = 'GuardRefusal'
}

/** The guard did not answer in time, or is gone. */
export class GuardSilence extends Error {
  override readonly name = 'GuardSilence'
}

type RequestBody =
  Exclude<GuardMessage, { type: 'extend' }> extends infer Request
    ? Request extends { id: number }
      ? Omit<Request, 'id'>
      : never
    : never

type Pending = {
  readonly resolve: (state: GuardState) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

const heartbeatMs = 200
// Counted in turns of our own timer, not in time: after a pause of our own loop the answer lies in the
// socket, and the guard must not be blamed for it.
const silentTurnsMax = 2

export class GuardConnection {
  readonly #socket: Socket
  readonly #listeners: ConnectionListeners
  readonly #pending = new Map<number, Pending>()
  readonly #heartbeat: NodeJS.Timeout
  #nextId = 1
  #silentTurns = 0
  #hasHeard = false
  #isOpen = true
  #isReplaced = false

  private constructor(socket: Socket, listeners: ConnectionListeners) {
    this.#socket = socket
    this.#listeners = listeners
    const parse = createLineParser()
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      this.#silentTurns = 0
      this.#hasHeard = true
      try {
        for (const reply of parse(chunk)) this.#receive(reply as GuardReply)
      } catch {
        socket.destroy()
      }
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#onClose()
    })
    this.#heartbeat = setInterval(() => {
      // A guard that has just confirmed an extension need not be asked whether it lives.
      if (this.#hasHeard) {
        this.#hasHeard = false
        return
      }
      this.#silentTurns += 1
      this.#write({ type: 'ping', id: 0 })
    }, heartbeatMs)
    this.#heartbeat.unref()
  }

  /** @throws GuardSilence when nobody listens, or does not accept within `deadlineMs` */
  static open(
    socketPath: string,
    listeners: ConnectionListeners,
    deadlineMs: number,
  ): Promise<GuardConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(socketPath)
      const fail = (): void => {
        socket.destroy()
        reject(new GuardSilence(`no guard answers on ${socketPath}`))
      }
      const timer = setTimeout(fail, deadlineMs)
      socket.once('error', () => {
        clearTimeout(timer)
        fail()
      })
      socket.once('connect', () => {
        clearTimeout(timer)
        socket.removeAllListeners('error')
        resolve(new GuardConnection(socket, listeners))
      })
    })
  }

  isAnswering(): boolean {
    return this.#isOpen && this.#silentTurns <= silentTurnsMax
  }

  extend(stopByMs: number): void {
    this.#write({ type: 'extend', stopByMs })
  }

  /**
   * @throws GuardRefusal
   * @throws GuardSilence after `deadlineMs`
   */
  request(body: RequestBody, deadlineMs: number): Promise<GuardState> {
    if (!this.#isOpen) return Promise.reject(new GuardSilence('the guard is gone'))
    const id = this.#nextId
    this.#nextId += 1
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        reject(new GuardSilence(`the guard did not answer ${body.type} in ${deadlineMs} ms`))
      }, deadlineMs)
      this.#pending.set(id, { resolve, reject, timer })
      this.#write({ ...body, id })
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #write(message: GuardMessage): void {
    if (this.#isOpen) this.#socket.write(renderLine(message))
  }

  #receive(reply: GuardReply): void {
    if (reply.type === 'answer' || reply.type === 'refusal') {
      if (reply.type === 'answer') this.#listeners.onState(reply.state)
      const pending = this.#pending.get(reply.id)
      if (pending === undefined) return
      this.#pending.delete(reply.id)
      clearTimeout(pending.timer)
      if (reply.type === 'answer') pending.resolve(reply.state)
      else pending.reject(new GuardRefusal(reply.why))
      return
    }
    if (reply.type === 'replaced') this.#isReplaced = true
    this.#listeners.onEvent(reply)
  }

  #onClose(): void {
    this.#isOpen = false
    clearInterval(this.#heartbeat)
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer)
      pending.reject(new GuardSilence('the guard is gone'))
    }
    this.#pending.clear()
    this.#listeners.onClose(this.#isReplaced)
  }
}
