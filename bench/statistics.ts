// Order statistics of small samples: what a table of twenty trials needs.

export type Summary = {
  readonly count: number
  readonly min: number
  readonly median: number
  readonly max: number
}

/** @returns null for the empty sample */
export function summarise(sample: readonly number[]): Summary | null {
  const sorted = sample.toSorted((left, right) => left - right)
  const [min] = sorted
  const max = sorted.at(-1)
  if (min === undefined || max === undefined) return null
  return { count: sorted.length, min, median: medianOfSorted(sorted), max }
}

/** @throws RangeError for the empty sample */
export function median(sample: readonly number[]): number {
  const summary = summarise(sample)
  if (summary === null) throw new RangeError('the empty sample has no median')
  return summary.median
}

function medianOfSorted(sorted: readonly number[]): number {
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? NaN
  const lower = sorted[Math.ceil(middle) - 1] ?? NaN
  return (lower + upper) / 2
}
