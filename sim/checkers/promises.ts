// I7 and I11: promises are made before they are needed and kept; evidence is true.

import { checkPromiseKept, checkPromiseMade, type Violation } from '../../src/core/invariants.ts'
import type { Epoch, NodeName } from '../../src/core/names.ts'
import { birthEpochOf } from '../../src/core/position.ts'
import type { World } from '../world.ts'
import type { WorldEvent } from '../world-event.ts'
import type { Checker } from './checker.ts'

const deeds = {
  stream: 'streams from',
  rewind: 'is rewound to',
  clone: 'is cloned from',
} as const

export class Promises implements Checker {
  readonly #world: World
  /** Highest epoch for which a node has answered that it is sealed. */
  readonly #sealedFor = new Map<NodeName, Epoch>()

  constructor(world: World) {
    this.#world = world
  }

  observe(event: WorldEvent): Violation | null {
    if (event.kind === 'seal-answered') return this.#sealed(event)
    if (event.kind === 'attached') return this.#attached(event)
    // Sealed as a primary means stopped: it must not acknowledge anything itself either.
    if (event.kind !== 'flush-reported' && event.kind !== 'acknowledged') return null
    const upstreamEpoch = event.kind === 'acknowledged' ? event.epoch : event.upstreamEpoch
    const sealedFor = this.#sealedFor.get(event.node) ?? null
    const kept = checkPromiseKept(event.node, 'acknowledged to', sealedFor, upstreamEpoch)
    if (kept !== null || event.kind === 'acknowledged') return kept
    // PostgreSQL connects again by itself, also to a server that has become primary once more. Such a
    // standby must count nowhere before its agent has promised. A primary may go on in later epochs
    // with the timeline that its followers promised.
    const { node, isListed, promise, birthEpoch } = event
    return isListed && birthEpoch !== null ? checkPromiseMade(node, promise, birthEpoch) : null
  }

  #attached(event: Extract<WorldEvent, { kind: 'attached' }>): Violation | null {
    const { node, how, promise, upstreamEpoch, birthEpoch } = event
    if (upstreamEpoch === null) return null
    const sealedFor = this.#sealedFor.get(node) ?? null
    const kept = checkPromiseKept(node, deeds[how], sealedFor, upstreamEpoch)
    if (kept !== null || birthEpoch === null || how === 'stream') return kept
    return checkPromiseMade(node, promise, birthEpoch)
  }

  #sealed(event: Extract<WorldEvent, { kind: 'seal-answered' }>): Violation | null {
    const { node, epoch, answer, promiseOnDisk } = event
    if (answer.kind === 'refused') return null
    // A witness has nothing to seal.
    if (this.#world.node(node).layout.role !== 'data') return null
    if (promiseOnDisk === null || promiseOnDisk < epoch) {
      return {
        invariant: 'I7',
        message: `${node} answered the seal of epoch ${String(epoch)} without the promise on disk`,
        operands: { node, epoch, promiseOnDisk },
      }
    }
    if (answer.kind === 'promised') return null
    this.#sealedFor.set(node, epoch)
    return this.#judgeEvidence(event)
  }

  /** I11, and more: the position that was answered is really there. */
  #judgeEvidence(event: Extract<WorldEvent, { kind: 'seal-answered' }>): Violation | null {
    const { node, answer, wal, flushedCount, mustPass } = event
    if (answer.kind !== 'sealed') return null
    const tip = wal[flushedCount - 1]
    const { timeline, flushLsn } = answer.position
    if (tip?.timeline !== timeline || tip.endLsn < flushLsn) {
      return {
        invariant: 'I11',
        message: `${node} answered with a position that is not on its disk`,
        operands: { node, answer, tip: tip?.endLsn, timeline: tip?.timeline },
      }
    }
    if (mustPass === null || wal[mustPass.index] === mustPass) return null
    const births = this.#world.store.sync?.value.timelines ?? []
    const mine = birthEpochOf(tip.timeline, births) ?? 0
    const theirs = birthEpochOf(mustPass.timeline, births) ?? 0
    if (mine > theirs || (mine === theirs && tip.endLsn >= mustPass.endLsn)) return null
    return {
      invariant: 'I11',
      message: `${node} gave evidence although its directory went backwards and has not caught up`,
      operands: { node, answer, mustPass: mustPass.endLsn },
    }
  }
}
