// What is wrong alike in the files of several balancers is one finding with several places.

import { type Place, nameOf } from './source-text.ts'

type Placed = { readonly places: readonly Place[] }

/**
 * Joins what differs only in its place, when the places are in different files of one name. The first of
 * them leads; of several alike in one file, each is joined with its counterpart.
 * @param things in the order of their files
 * @param sameOf a text that is equal for what is told alike
 */
export function toldTogether<Thing extends Placed>(
  things: readonly Thing[],
  sameOf: (thing: Thing) => string,
): readonly Thing[] {
  const countIn = new Map<string, number>()
  const joined = new Map<string, Thing>()
  for (const thing of things) {
    const file = thing.places[0]?.file ?? ''
    const same = JSON.stringify([nameOf(file), sameOf(thing)])
    const inFile = JSON.stringify([file, same])
    const index = countIn.get(inFile) ?? 0
    countIn.set(inFile, index + 1)
    const key = `${String(index)} ${same}`
    const first = joined.get(key)
    joined.set(key, {
      ...(first ?? thing),
      places: [...(first?.places ?? []), ...thing.places],
    })
  }
  return [...joined.values()]
}
