// How far a long copy is: bar, share, bytes, rate, time left. Pure.

import type { OperationView } from '../core/cluster-status.ts'
import { renderBytes, renderDuration } from './render-quantity.ts'

const barWidth = 10
/** Before this a rate says nothing. */
const rateAfterMs = 1_000

/** `clone [####------] 42 %, 12 MB of 30 MB, 8.0 MB/s, 2 s left`; what is not known is left out. */
export function renderProgress(operation: OperationView): string {
  const { name, sinceMs, doneBytes, totalBytes } = operation
  if (doneBytes === null) return name
  const rate = sinceMs < rateAfterMs ? 0 : doneBytes / (sinceMs / 1000)
  const speed = rate === 0 ? '' : `, ${renderBytes(Math.round(rate))}/s`
  if (totalBytes === null || totalBytes === 0) return `${name} ${renderBytes(doneBytes)}${speed}`
  const share = Math.min(1, doneBytes / totalBytes)
  const filled = Math.floor(share * barWidth)
  const bar = '#'.repeat(filled) + '-'.repeat(barWidth - filled)
  const leftMs = ((totalBytes - doneBytes) / rate) * 1000
  const left =
    rate === 0 || leftMs <= 0 ? '' : `, ${renderDuration(Math.ceil(leftMs / 1000) * 1000)} left`
  const bytes = `${renderBytes(doneBytes)} of ${renderBytes(totalBytes)}`
  return `${name} [${bar}] ${Math.floor(share * 100)} %, ${bytes}${speed}${left}`
}
