// How long clients could not write, measured in their own acknowledgements.

import type { Acknowledgement } from './attempt.ts'
import { isSameReign } from './attempt.ts'

export type Outage = {
  /**
   * Fault to the first commit that a new reign acknowledged (another server, or the same one started
   * again). Null: the reign never changed. What survivors of a dead server still acknowledge is not
   * taken for service.
   */
  readonly outageMs: number | null
  /** Instant of that first commit. */
  readonly restoredAtMs: number | null
  /** The longest time without any acknowledgement that ended after the fault. */
  readonly gapMs: number
  /** Commits acknowledged after the fault, but before the new reign. */
  readonly lateAcknowledgements: number
}

/**
 * @param acknowledgements in order of their answers; at least one before the fault
 * @param faultAtMs monotonic, read before the fault was injected
 * @param untilAtMs where the observation ends: silence up to it counts as a gap
 */
export function measureOutage(
  acknowledgements: readonly Acknowledgement[],
  faultAtMs: number,
  untilAtMs: number,
): Outage {
  const firstAfter = acknowledgements.findIndex((one) => one.endedAtMs > faultAtMs)
  const afterCount = firstAfter === -1 ? 0 : acknowledgements.length - firstAfter
  const before = acknowledgements[acknowledgements.length - afterCount - 1]
  if (before === undefined) throw new RangeError('nothing was acknowledged before the fault')
  const after = acknowledgements.slice(acknowledgements.length - afterCount)
  const restored = after.find((one) => !isSameReign(one.reign, before.reign))
  const instants = [before.endedAtMs, ...after.map((one) => one.endedAtMs), untilAtMs]
  const gaps = instants.slice(1).map((instant, index) => instant - (instants[index] ?? instant))
  return {
    outageMs: restored === undefined ? null : restored.endedAtMs - faultAtMs,
    restoredAtMs: restored?.endedAtMs ?? null,
    gapMs: Math.max(...gaps),
    lateAcknowledgements: restored === undefined ? 0 : after.indexOf(restored),
  }
}
