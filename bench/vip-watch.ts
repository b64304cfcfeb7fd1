// Who has the virtual address, from the kernel's own announcements on every balancer.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { readMonotonicMs } from '../src/host/monotonic.ts'
import type { NodeName } from '../src/core/names.ts'
import { interrupts } from './interrupts.ts'

/** From an instant on, a host has the address or has it not. */
export type VipChange = { readonly atMs: number; readonly host: NodeName; readonly has: boolean }

export class VipWatch {
  readonly #changes: VipChange[] = []
  readonly #children: ChildProcess[] = []
  readonly #forget: () => void

  /**
   * @param enter words before a program that let it run on a host
   * @param holders who has it now
   */
  constructor(
    address: string,
    hosts: readonly NodeName[],
    enter: (host: NodeName) => readonly string[],
    holders: readonly NodeName[],
  ) {
    const startedAtMs = readMonotonicMs()
    this.#forget = interrupts.undoLater(async () => this.stop())
    for (const host of hosts) {
      this.#changes.push({ atMs: startedAtMs, host, has: holders.includes(host) })
      const [program, ...words] = [...enter(host), 'ip', 'monitor', 'address']
      const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'ignore'] })
      this.#children.push(child)
      createInterface(child.stdout).on('line', (line) => {
        if (!line.includes(` ${address}/`)) return
        this.#note(host, !line.startsWith('Deleted'))
      })
    }
  }

  /** A host without power has nothing, whatever its kernel would say. */
  noteNoPower(host: NodeName, atMs: number): void {
    this.#changes.push({ atMs, host, has: false })
  }

  changes(): readonly VipChange[] {
    return this.#changes.toSorted((left, right) => left.atMs - right.atMs)
  }

  stop(): void {
    this.#forget()
    for (const child of this.#children) child.kill()
  }

  #note(host: NodeName, has: boolean): void {
    this.#changes.push({ atMs: readMonotonicMs(), host, has })
  }
}

export type VipSamples = {
  readonly total: number
  readonly none: number
  readonly two: number
  /** The longest time without a holder, and with more than one. */
  readonly noneMsMax: number
  readonly twoMsMax: number
  /** From when on there was exactly one until the end; null: not so at the end. */
  readonly settledAtMs: number | null
}

/**
 * What samples in a fixed period would have seen, and the exact times besides.
 * @param changes in order of time
 */
export function sampleVip(
  changes: readonly VipChange[],
  fromMs: number,
  untilMs: number,
  periodMs: number,
): VipSamples {
  const holders = new Set<NodeName>()
  const spans: { readonly fromMs: number; readonly untilMs: number; readonly count: number }[] = []
  let sinceMs = fromMs
  for (const { atMs, host, has } of changes) {
    if (atMs > untilMs) break
    if (atMs > sinceMs) {
      spans.push({ fromMs: sinceMs, untilMs: atMs, count: holders.size })
      sinceMs = atMs
    }
    if (has) holders.add(host)
    else holders.delete(host)
  }
  spans.push({ fromMs: sinceMs, untilMs, count: holders.size })
  const merged = mergeEqual(spans)
  const countAt = (atMs: number): number =>
    merged.find((span) => atMs >= span.fromMs && atMs < span.untilMs)?.count ?? 0
  const instants = Array.from(
    { length: Math.floor((untilMs - fromMs) / periodMs) },
    (_, index) => fromMs + index * periodMs,
  )
  const longest = (isSo: (count: number) => boolean): number =>
    Math.max(0, ...merged.filter((one) => isSo(one.count)).map((one) => one.untilMs - one.fromMs))
  const last = merged.at(-1)
  return {
    total: instants.length,
    none: instants.filter((atMs) => countAt(atMs) === 0).length,
    two: instants.filter((atMs) => countAt(atMs) > 1).length,
    noneMsMax: longest((count) => count === 0),
    twoMsMax: longest((count) => count > 1),
    settledAtMs: last?.count === 1 ? last.fromMs : null,
  }
}

type Span = { readonly fromMs: number; readonly untilMs: number; readonly count: number }

function mergeEqual(spans: readonly Span[]): readonly Span[] {
  const merged: Span[] = []
  for (const span of spans) {
    const last = merged.at(-1)
    if (last?.count === span.count) merged.splice(-1, 1, { ...last, untilMs: span.untilMs })
    else merged.push(span)
  }
  return merged
}
