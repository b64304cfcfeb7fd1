// Several rules ask the same of one deployment: what follows from a thing that never changes is found once.

/** `find`, whose answer is kept as long as the thing it was found for. */
export function foundOnce<From extends object, Found>(
  find: (from: From) => Found,
): (from: From) => Found {
  const kept = new WeakMap<From, { readonly found: Found }>()
  return (from) => {
    const known = kept.get(from) ?? { found: find(from) }
    kept.set(from, known)
    return known.found
  }
}
