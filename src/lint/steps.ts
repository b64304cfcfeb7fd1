// Long work in steps: whoever runs it may look at something else in between, and may leave it there.

export type Steps<Result> = Generator<undefined, Result, undefined>

/** `work` on each thing, one step each. */
export function* stepByStep<Thing, Result>(
  things: readonly Thing[],
  work: (thing: Thing) => Result,
): Steps<readonly Result[]> {
  const results: Result[] = []
  for (const thing of things) {
    results.push(work(thing))
    yield
  }
  return results
}
