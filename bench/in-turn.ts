// Two ways compared within one run: A B, B A, A B …, so that what drifts with time is not counted against one
// of them.

/**
 * One round: both are measured, never at once; which goes first alternates.
 * @param round counted from 0
 * @returns the results of `one` and `other`
 */
export async function measureInTurn(
  round: number,
  one: () => Promise<number>,
  other: () => Promise<number>,
): Promise<readonly [number, number]> {
  const isOneFirst = round % 2 === 0
  const early = isOneFirst ? await one() : await other()
  const late = isOneFirst ? await other() : await one()
  return isOneFirst ? [early, late] : [late, early]
}
