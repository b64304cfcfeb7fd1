// The endpoints of the store in the order in which they are tried. One that failed is passed over
// until a probe has succeeded: a write is sent only once, so it should not meet a frozen endpoint twice.

export type Endpoint = { readonly host: string; readonly port: number }

export function renderEndpoint(endpoint: Endpoint): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host
  return `${host}:${endpoint.port}`
}

export type EndpointOrder = {
  /** All endpoints, the best one first. */
  readonly list: () => readonly Endpoint[]
  readonly best: () => Endpoint
  readonly count: number
  readonly markGood: (endpoint: Endpoint) => void
  readonly markBad: (endpoint: Endpoint) => void
  readonly bad: () => readonly Endpoint[]
}

/**
 * Trusted endpoints keep the order in which they were given (put the local one first); bad ones come
 * after them, the one whose failure is longest ago first.
 */
export function createEndpointOrder(endpoints: readonly Endpoint[]): EndpointOrder {
  const [preferred] = endpoints
  if (preferred === undefined) throw new RangeError('a store needs at least one endpoint')
  const badSince = new Map<Endpoint, number>()
  let failureCount = 0
  const bad = (): Endpoint[] =>
    [...badSince].sort(([, left], [, right]) => left - right).map(([endpoint]) => endpoint)
  const list = (): Endpoint[] => [
    ...endpoints.filter((endpoint) => !badSince.has(endpoint)),
    ...bad(),
  ]
  return {
    list,
    best: () => list()[0] ?? preferred,
    count: endpoints.length,
    markGood: (endpoint) => void badSince.delete(endpoint),
    markBad: (endpoint) => void badSince.set(endpoint, (failureCount += 1)),
    bad,
  }
}
