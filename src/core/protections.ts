// The single protections of safety.md, by name, so that the simulator can prove that each is needed:
// it takes one away and must see an invariant break. Nothing outside the simulator and the tests may
// pass anything but `allProtections` (enforced by the tidy test). The flag of the explicit-state model
// that takes the same rule away is given in brackets.

export const protectionNames = [
  'seal', // [m1] members stop acknowledging the old primary before they answer
  'receiver-gone', // [m2] the answer is given after the WAL receiver is gone
  'joint-list', // [m3] a list change adds to the record instead of replacing
  'joint-election', // [m3b] a new primary adds its list to those it was elected under
  'record-first', // [m4] the record is written before PostgreSQL's setting
  'flush-before-narrow', // [m5] step 3 of 2.4
  'flush-before-narrow-elected', // [m5b] the same for the new primary's own list
  'overlap', // [m6] n - k + 1 members, not n - k
  'durable-promise', // [m7] the promise survives a crash (simulated disk)
  'owner-resumes', // [m8, m8b] only the record's owner resumes without evidence
  'one-incarnation', // an incarnation that two use starts nowhere and counts for nothing
  'candidate-in-list', // [m9] a candidate outside the list does not count itself
  'keep-all-lists', // [twolists] all lists of the record are kept until a change is complete
  'follow-promises', // [nofollowprom] following raises the promise
  'lineage', // [lsnonly] positions are compared by birth epoch first
  'unique-timelines', // [tlicount] ids are reserved in the store
  'walsender-effective', // [walsnd] a setting counts when every walsender uses it
  'commit-probe', // [checkpointer] from the empty list: a commit is seen to wait
  'clone-no-evidence', // [clone_evidence] a directory being replaced answers no seal
  'clone-keeps-promise', // [clone_promise] the promise file survives a clone (simulated disk)
  'gate', // [nogate] clients get in only behind the gate
  'gate-after-promotion', // [gate_restart_only]
  'readers-shut-out', // who read on a standby has to leave before its promotion
  'first-record', // [pfork] P and the gate lie behind the first record of the new timeline
  'empty-list-proves-nothing', // [emptyk1]
  'sealed-resume', // [resumeunsealed] the owner clears its upstream before it resumes
  'resume-target', // [keepcur] the owner resumes with the record's target
  'margin', // the holder stops before others may acquire
  'guard', // PostgreSQL stops at the deadline although the agent hangs (simulated guard)
  'fence-by-directory', // a server that the guard did not start is stopped all the same
  'orphan-kill', // backends left behind by a killed postmaster are ended first (simulated guard)
] as const

export type ProtectionName = (typeof protectionNames)[number]

export type Protections = Readonly<Record<ProtectionName, boolean>>

export const allProtections: Protections = Object.freeze(
  Object.fromEntries(protectionNames.map((name) => [name, true])) as Record<
    ProtectionName,
    boolean
  >,
)

/** Everything on but one. For the simulator and tests only. */
export function without(...names: readonly ProtectionName[]): Protections {
  return { ...allProtections, ...Object.fromEntries(names.map((name) => [name, false])) }
}
