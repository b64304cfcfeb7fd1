// How long things take in the simulated world, in true milliseconds: typical and worst. The typical
// values are those of docs/adr and of the measurements on a busy two-core machine; the worst ones are what
// a bad day may bring, and a seed may stretch them.

export type Spread = { readonly typicalMs: number; readonly worstMs: number }

export type Physics = {
  /** A flush of WAL or of a small file. */
  readonly fsync: Spread
  /** From SIGHUP until one process of a server uses the new setting. */
  readonly reload: Spread
  /** The same for a process that does not get to run. Which one it hits is drawn per reload. */
  readonly reloadStall: Spread
  readonly reloadStallRate: number
  readonly start: Spread
  readonly crashRecovery: Spread
  readonly promote: Spread
  /** From SIGQUIT until the processes are gone. */
  readonly quit: Spread
  readonly fastStop: Spread
  readonly receiverStop: Spread
  /** A standby that has received a branch to its end asks anew for the next one. */
  readonly nextTimeline: Spread
  readonly rewind: Spread
  readonly clone: Spread
  readonly initialise: Spread
  /** A query over an open connection on the same machine. */
  readonly query: Spread
  /** Agents and guards, from exec to their first line of code. */
  readonly spawnAgent: Spread
  readonly spawnGuard: Spread
  /** A proposal that etcd commits. */
  readonly storeCommit: Spread
  /** wal_sender_timeout and wal_receiver_timeout. */
  readonly replicationTimeoutMs: number
}

export const usualPhysics: Physics = {
  fsync: { typicalMs: 1.5, worstMs: 40 },
  reload: { typicalMs: 4, worstMs: 60 },
  reloadStall: { typicalMs: 400, worstMs: 3000 },
  reloadStallRate: 0.01,
  start: { typicalMs: 120, worstMs: 800 },
  crashRecovery: { typicalMs: 80, worstMs: 1500 },
  promote: { typicalMs: 60, worstMs: 400 },
  quit: { typicalMs: 50, worstMs: 140 },
  fastStop: { typicalMs: 90, worstMs: 600 },
  receiverStop: { typicalMs: 8, worstMs: 90 },
  nextTimeline: { typicalMs: 6, worstMs: 150 },
  rewind: { typicalMs: 300, worstMs: 2500 },
  clone: { typicalMs: 700, worstMs: 4000 },
  initialise: { typicalMs: 500, worstMs: 2000 },
  query: { typicalMs: 0.8, worstMs: 30 },
  spawnAgent: { typicalMs: 150, worstMs: 900 },
  spawnGuard: { typicalMs: 60, worstMs: 400 },
  storeCommit: { typicalMs: 3, worstMs: 60 },
  replicationTimeoutMs: 3000,
}
