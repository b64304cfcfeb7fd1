// The balancer program in front of PostgreSQL. Its own health checks against the agents' role answers
// are the truth; the calls here only make it switch sooner than its next checks would.

import type { NodeName } from '../core/names.ts'

export type ProxyState =
  | { readonly kind: 'starting'; readonly detail: string }
  /** `outdated`: why it does not run with its present configuration but with the one from before. */
  | { readonly kind: 'running'; readonly outdated: string | null }
  | { readonly kind: 'failed'; readonly detail: string }

/** The program did not do it, or did not answer by the deadline. Its health checks go on. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError'
}

export interface Proxy {
  /**
   * Starts the program, or takes over the one that a former agent left running with its sessions, and
   * keeps it alive until `stop`. It begins with no way for writes until checks or `routeWrites` open one.
   */
  start(): void
  state(): ProxyState
  /** Called each time a new process of the program has begun to run: what was routed before is void. */
  onStarted(listener: () => void): void
  /**
   * From now on new write sessions go to `node` alone (null: to nobody). First every other node is
   * closed and its write sessions are cut, then `node` is opened. A health check that says otherwise
   * later wins. Sessions that find no node wait for one, without an error, for as long as a failover takes.
   * @throws ProxyError
   */
  routeWrites(node: NodeName | null, deadlineMs: number): Promise<void>
  /** The nodes that the program would send writes to at this moment. @throws ProxyError */
  openForWrites(deadlineMs: number): Promise<readonly NodeName[]>
  /** Closes these nodes for writes and cuts their write sessions. Opens nothing. @throws ProxyError */
  closeWrites(nodes: readonly NodeName[], deadlineMs: number): Promise<void>
  /** Ends the program with all its sessions. */
  stop(): Promise<void>
}
