// What is there twice where it may be there once.

/** Each thing whose key was met before, after the first one of that key. */
export function repeated<Thing>(
  things: readonly Thing[],
  keyOf: (thing: Thing) => string,
): readonly (readonly [Thing, Thing])[] {
  const first = new Map<string, Thing>()
  return things.flatMap((thing): (readonly [Thing, Thing])[] => {
    const before = first.get(keyOf(thing))
    if (before === undefined) first.set(keyOf(thing), thing)
    return before === undefined ? [] : [[before, thing]]
  })
}
