// The finite view of the facts. Every arithmetic question is answered in `classify.ts` and its helpers;
// the rules see only these words. A dimension that does not matter in a situation has its first value,
// so that every situation can be enumerated (see `situations.test.ts`).

export const dimensions = {
  /** What the supervisor wants of this agent. */
  wish: ['run', 'stop'],
  /** The one slot for long work (clone, rewind, start, bootstrap). */
  operation: ['none', 'running'],
  /**
   * `unknown`: the store has not answered yet. `none`: no lease was ever written. `unconfirmed`: the
   * store names this node, but this agent has not written it (it was restarted). `lost`: this agent
   * held it and its deadline has passed or another has it. `gone`: deleted or not to be read, and its
   * time is not over yet; `free` after that.
   */
  lease: [
    'unknown',
    'none',
    'free',
    'gone',
    'other',
    'unconfirmed',
    'preparing',
    'serving',
    'lost',
  ],
  /**
   * PostgreSQL and its directory. `hung`: a postmaster that has not answered for a lease time.
   * `half-promoted`: without its signal file, and not on the timeline that the record gave to it.
   */
  server: [
    'unknown',
    'absent',
    'staged',
    'foreign',
    'broken',
    'was-primary',
    'was-standby',
    'half-promoted',
    'starting',
    'standby',
    'primary',
    'hung',
  ],
  /** A lease that this agent has not written: has the deadline passed that the guard was given for it? */
  deadline: ['ahead', 'passed'],
  /** The owner in the sync record. */
  owner: ['nobody', 'me', 'other'],
  /**
   * Records of a cluster that has been founded. `lost`: the sync record is missing, cannot be read or
   * cannot be true. `restorable`: this agent holds the lease and has what belongs there in its memory.
   */
  records: ['whole', 'restorable', 'lost'],
  /** Lease `none` or `free`: may this node try to take it now? */
  turn: ['later', 'now'],
  /** Lease `preparing`: has this node written the record under this epoch? */
  recorded: ['earlier', 'this-epoch'],
  /** The same, server `standby`: do the preparations for its promotion fail again and again? */
  promotion: ['possible', 'stuck'],
  /** Lease `preparing`, server `standby`: what the answers to the seals say. */
  election: ['not-asked', 'asking', 'eligible', 'behind', 'fetch', 'short'],
  /** Lease `preparing`, server `primary`: have enough members flushed past the first record? */
  gate: ['waiting', 'passed'],
  /**
   * Lease `other`: how this node gets to stream from the primary. `stranger`: the spec of this node has no
   * such holder.
   */
  rejoin: ['wait', 'streaming', 'detach', 'follow', 'rewind', 'clone', 'stranger'],
  /** Lease `serving`: could somebody else be promoted now? */
  successor: ['none', 'some'],
  /** Lease `serving`: a switchover was asked for. `ready`: everything that takes long is done. */
  switchover: ['none', 'preparing', 'ready', 'impossible'],
  /** Disk and guard of a holder. */
  health: ['good', 'bad', 'unguarded'],
} as const

export type Dimensions = typeof dimensions
export type DimensionName = keyof Dimensions

export type Situation = { readonly [Name in DimensionName]: Dimensions[Name][number] }

/** Which dimensions matter given the earlier ones; the others keep their first value. */
const relevance: {
  readonly [Name in DimensionName]: (situation: Situation) => boolean
} = {
  wish: () => true,
  operation: () => true,
  lease: () => true,
  server: () => true,
  deadline: (s) =>
    (s.lease === 'unknown' || s.lease === 'unconfirmed') &&
    (s.server === 'primary' || s.server === 'hung' || s.server === 'starting'),
  owner: (s) => s.lease !== 'unknown',
  // A record that is lost names nobody.
  records: (s) =>
    s.lease === 'preparing' ||
    s.lease === 'serving' ||
    ((s.lease === 'none' || s.lease === 'free') && s.owner === 'nobody'),
  turn: (s) => s.lease === 'none' || s.lease === 'free',
  recorded: (s) => s.lease === 'preparing' && s.owner === 'me',
  promotion: (s) =>
    s.lease === 'preparing' &&
    s.server === 'standby' &&
    s.owner === 'me' &&
    s.recorded === 'this-epoch',
  election: (s) => s.lease === 'preparing' && s.server === 'standby',
  gate: (s) => s.lease === 'preparing' && s.server === 'primary',
  rejoin: (s) => s.lease === 'other',
  successor: (s) => s.lease === 'serving',
  switchover: (s) => s.lease === 'serving' && s.server === 'primary',
  health: (s) =>
    s.lease === 'preparing' ||
    s.lease === 'serving' ||
    s.server === 'standby' ||
    s.server === 'primary',
}

/** The situation with every dimension that does not matter set to its first value. */
export function canonical(situation: Situation): Situation {
  const result: Record<string, string> = {}
  for (const name of Object.keys(dimensions) as DimensionName[]) {
    result[name] = relevance[name](situation) ? situation[name] : dimensions[name][0]
  }
  return result as Situation
}

/** Every canonical situation there is. */
export function allSituations(): readonly Situation[] {
  const names = Object.keys(dimensions) as DimensionName[]
  let partial: Record<string, string>[] = [{}]
  for (const name of names) {
    const next: Record<string, string>[] = []
    for (const entry of partial) {
      const matters = relevance[name](entry as unknown as Situation)
      const values: readonly string[] = matters ? dimensions[name] : [dimensions[name][0]]
      for (const value of values) next.push({ ...entry, [name]: value })
    }
    partial = next
  }
  return partial as unknown as Situation[]
}
