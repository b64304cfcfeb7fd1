// The address that the balancers share, on this host. Which of the fit hosts has it is decided by the
// programs on them (VRRP), not by the agents.

export type VipState =
  | { readonly kind: 'starting' | 'failed'; readonly detail: string }
  | { readonly kind: 'running'; readonly isHere: boolean }

export interface Vip {
  /**
   * Removes a stale address when no program of ours runs, starts the program (or takes over the running
   * one) and keeps it alive until `stop`. When it dies the address is removed at once, before another
   * host takes it, and the program is started again.
   */
  start(): void
  state(): VipState
  onChange(listener: () => void): void
  /** Whether this host may have the address. Not fit: it is given up at once. Begins as not fit. */
  setFit(isFit: boolean): Promise<void>
  /** Gives the address up and ends the program. */
  stop(): Promise<void>
}
