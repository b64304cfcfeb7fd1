// The address that balancers share. At any time one host has it; which one, the program behind this port
// agrees with the other hosts, without the store.

export type VipState =
  | { readonly kind: 'starting'; readonly detail: string }
  /** `outdated`: why it does not run with its present configuration but with the one from before. */
  | { readonly kind: 'running'; readonly isHere: boolean; readonly outdated: string | null }
  | { readonly kind: 'failed'; readonly detail: string }

export interface Vip {
  /**
   * Starts the program, or takes over the one that a former agent left running, and keeps it alive until
   * `stop`. Where none runs, an address that was left behind is removed first. When the program dies, the
   * address is removed at once, before another host takes it; then it is started again.
   */
  start(): void
  state(): VipState
  /** Called when the state has changed, also when the address came or went. */
  onChange(listener: () => void): void
  /**
   * Whether this host may have the address. If not, it is given up at once. A program that was started
   * begins unfit; one that was taken over keeps what it was told last.
   * @throws the error of the file system
   */
  setFit(isFit: boolean): Promise<void>
  /** Gives the address up and ends the program. */
  stop(): Promise<void>
}
