// The network between places: delay, loss, one-way and full partitions, by kind of traffic. And pipes:
// ordered, reliable connections (TCP) on which nothing is lost but the connection itself.

import type { SimRandom } from './random.ts'
import type { SimProcess, Simulator } from './simulator.ts'

/** Where something runs: the index of a node, or of the balancer that follows the last node. */
export type Place = number

export const trafficKinds = ['peers', 'store', 'replication', 'clients'] as const
export type Traffic = (typeof trafficKinds)[number]

export type NetworkSettings = {
  readonly delayMs: number
  readonly worstDelayMs: number
  /** Share of messages without a connection that never arrive. */
  readonly lossRate: number
}

export class Network {
  readonly placeCount: number
  settings: NetworkSettings
  readonly #random: SimRandom
  /** How many faults block a direction, by traffic and direction. */
  readonly #blocks = new Map<Traffic, Int16Array>()
  readonly #extraDelayMs: Float64Array
  #changeListeners: (() => void)[] = []

  constructor(placeCount: number, settings: NetworkSettings, random: SimRandom) {
    this.placeCount = placeCount
    this.settings = settings
    this.#random = random
    for (const traffic of trafficKinds) {
      this.#blocks.set(traffic, new Int16Array(placeCount * placeCount))
    }
    this.#extraDelayMs = new Float64Array(placeCount * placeCount)
  }

  /** Whether a message of this kind can go this way now. A place always reaches itself. */
  isOpen(traffic: Traffic, from: Place, to: Place): boolean {
    return from === to || this.#blocks.get(traffic)?.[from * this.placeCount + to] === 0
  }

  isOpenBothWays(traffic: Traffic, one: Place, other: Place): boolean {
    return this.isOpen(traffic, one, other) && this.isOpen(traffic, other, one)
  }

  /** Blocks (or, with a negative count, unblocks once) one direction for the kinds named. */
  block(kinds: readonly Traffic[], from: Place, to: Place, count: 1 | -1): void {
    const index = from * this.placeCount + to
    for (const traffic of kinds) {
      const blocks = this.#blocks.get(traffic)
      if (blocks !== undefined) blocks[index] = Math.max(0, (blocks[index] ?? 0) + count)
    }
    for (const listener of this.#changeListeners) listener()
  }

  /** A slow way: every message takes so much longer. */
  slowDown(from: Place, to: Place, extraMs: number): void {
    this.#extraDelayMs[from * this.placeCount + to] = extraMs
  }

  healAll(): void {
    for (const blocks of this.#blocks.values()) blocks.fill(0)
    this.#extraDelayMs.fill(0)
    for (const listener of this.#changeListeners) listener()
  }

  /** Called after every change of what is open. */
  onChange(listener: () => void): void {
    this.#changeListeners.push(listener)
  }

  delayMs(from: Place, to: Place): number {
    if (from === to) return 0.05
    const { delayMs, worstDelayMs } = this.settings
    const extraMs = this.#extraDelayMs[from * this.placeCount + to] ?? 0
    return this.#random.duration(delayMs, worstDelayMs) + extraMs
  }

  /** Whether a single message is lost. */
  loses(from: Place, to: Place): boolean {
    return from !== to && this.settings.lossRate > 0 && this.#random.chance(this.settings.lossRate)
  }
}

/** How soon a blocked way is tried again. */
const resendMs = 40

type PipeItem<Message> = { readonly message: Message | null; readonly dueMs: number }

export type PipeEnds<Message> = {
  readonly traffic: Traffic
  readonly from: Place
  readonly to: Place
  readonly receiver: SimProcess
  readonly onMessage: (message: Message) => void
  /** The other side has closed, and everything it sent before has been read. */
  readonly onEnd: () => void
}

/**
 * One direction of a connection. Messages arrive in order; while the way is blocked they wait, as TCP
 * sends them again. What a frozen receiver has in its buffers it reads when it wakes, however long ago
 * the sender closed or died: this is how an old report can be used late.
 */
export class Pipe<Message> {
  readonly #simulator: Simulator
  readonly #network: Network
  readonly #ends: PipeEnds<Message>
  /** What is on its way; `null` is the end of the stream. */
  #queue: PipeItem<Message>[] = []
  #lastDueMs = 0
  #isEnded = false
  #isClosed = false

  constructor(simulator: Simulator, network: Network, ends: PipeEnds<Message>) {
    this.#simulator = simulator
    this.#network = network
    this.#ends = ends
  }

  send(message: Message): void {
    this.#enqueue(message)
  }

  /** The sender closes: what it has sent still arrives, then the receiver sees the end. */
  end(): void {
    this.#enqueue(null)
    this.#isEnded = true
  }

  /** The sender's machine died: what has not arrived is lost, and nobody is told. */
  cut(): void {
    this.#queue = []
    this.#isEnded = true
  }

  /** The receiver closes: nothing is read any more. */
  close(): void {
    this.#queue = []
    this.#isEnded = true
    this.#isClosed = true
  }

  #enqueue(message: Message | null): void {
    if (this.#isEnded) return
    const { from, to } = this.#ends
    const dueMs = Math.max(this.#lastDueMs, this.#simulator.nowMs + this.#network.delayMs(from, to))
    this.#lastDueMs = dueMs
    this.#queue.push({ message, dueMs })
    if (this.#queue.length === 1) this.#pumpAt(dueMs)
  }

  #pumpAt(dueMs: number): void {
    this.#simulator.schedule(dueMs - this.#simulator.nowMs, this.#pump)
  }

  readonly #pump = (): void => {
    const head = this.#queue[0]
    if (head === undefined) return
    const { traffic, from, to, receiver } = this.#ends
    if (!this.#network.isOpen(traffic, from, to)) {
      this.#pumpAt(this.#simulator.nowMs + resendMs)
      return
    }
    this.#queue.shift()
    const next = this.#queue[0]
    if (next !== undefined) this.#pumpAt(next.dueMs)
    if (receiver.isRunning) this.#read(head.message)
    else receiver.schedule(0, () => this.#read(head.message))
  }

  #read(message: Message | null): void {
    if (this.#isClosed) return
    if (message === null) this.#ends.onEnd()
    else this.#ends.onMessage(message)
  }
}
