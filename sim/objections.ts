// The proof that the simulator can fail: for each protection, the story or the seed in which a checker
// objects when it is taken away. `npm run sim -- --write-objections` writes the transcripts again.

import type { InvariantId } from '../src/core/invariants.ts'
import type { ProtectionName } from '../src/core/protections.ts'
import { runGuarded, type GuardedResult } from './guarded-run.ts'

export type Expectation = {
  readonly protection: ProtectionName
  /** Null: random faults find it. */
  readonly scenario: string | null
  /** The first seed that objected; later ones are tried when the code has changed. */
  readonly seed: number
  /** Which invariants may be the first to break. */
  readonly invariants: readonly InvariantId[]
}

/** How many seeds after the first are tried: an agent that acts earlier or later meets other faults. */
const seedCountMax = 300

export const expectations: readonly Expectation[] = [
  { protection: 'seal', scenario: null, seed: 1, invariants: ['I7'] },
  {
    protection: 'receiver-gone',
    scenario: 'the receiver is still there',
    seed: 1,
    invariants: ['I1', 'I7'],
  },
  { protection: 'joint-list', scenario: 'a member leaves', seed: 1, invariants: ['I6'] },
  {
    protection: 'joint-election',
    scenario: 'elected under two lists',
    seed: 1,
    invariants: ['I3'],
  },
  { protection: 'record-first', scenario: 'a member leaves', seed: 1, invariants: ['I6'] },
  {
    protection: 'flush-before-narrow',
    scenario: 'a list that is narrowed',
    seed: 1,
    invariants: ['I3'],
  },
  {
    protection: 'flush-before-narrow-elected',
    scenario: 'the list of the elected',
    seed: 1,
    invariants: ['I3'],
  },
  { protection: 'overlap', scenario: 'too few members', seed: 1, invariants: ['I3'] },
  { protection: 'durable-promise', scenario: null, seed: 1, invariants: ['I4', 'I7'] },
  {
    protection: 'owner-resumes',
    scenario: 'a former primary comes back',
    seed: 1,
    invariants: ['I3'],
  },
  { protection: 'one-incarnation', scenario: 'a copied folder', seed: 1, invariants: ['I3'] },
  {
    protection: 'candidate-in-list',
    scenario: 'a candidate outside the list',
    seed: 1,
    invariants: ['I3'],
  },
  { protection: 'keep-all-lists', scenario: null, seed: 1, invariants: ['I3', 'I6'] },
  {
    protection: 'follow-promises',
    scenario: 'a rewound node is asked to seal',
    seed: 1,
    invariants: ['I7'],
  },
  {
    protection: 'lineage',
    scenario: 'the longer branch is the older one',
    seed: 1,
    invariants: ['I3'],
  },
  { protection: 'unique-timelines', scenario: 'elected twice', seed: 1, invariants: ['I4'] },
  { protection: 'walsender-effective', scenario: 'a member leaves', seed: 1, invariants: ['I6'] },
  {
    protection: 'commit-probe',
    scenario: 'from the empty list',
    seed: 1,
    invariants: ['I3', 'I6'],
  },
  {
    protection: 'clone-no-evidence',
    scenario: 'a rewound node is asked to seal',
    seed: 1,
    invariants: ['I11'],
  },
  { protection: 'clone-keeps-promise', scenario: null, seed: 1, invariants: ['I4', 'I7'] },
  { protection: 'gate', scenario: 'a restart shows what was waiting', seed: 1, invariants: ['I3'] },
  {
    protection: 'gate-after-promotion',
    scenario: 'a promotion shows what was waiting',
    seed: 1,
    invariants: ['I3'],
  },
  {
    protection: 'readers-shut-out',
    scenario: 'a reader stays for the promotion',
    seed: 1,
    invariants: ['I3'],
  },
  { protection: 'first-record', scenario: 'the gate at the fork', seed: 1, invariants: ['I3'] },
  {
    protection: 'empty-list-proves-nothing',
    scenario: 'an empty list',
    seed: 1,
    invariants: ['I3'],
  },
  { protection: 'resume-target', scenario: null, seed: 1, invariants: ['I6'] },
  {
    protection: 'margin',
    scenario: 'the store is out of reach',
    seed: 1,
    invariants: ['I2', 'I5'],
  },
  { protection: 'guard', scenario: 'the agent hangs', seed: 1, invariants: ['I5'] },
  {
    protection: 'fence-by-directory',
    scenario: 'a server started by hand',
    seed: 1,
    invariants: ['I5'],
  },
  {
    protection: 'orphan-kill',
    scenario: 'backends without a postmaster',
    seed: 1,
    invariants: ['I5'],
  },
]

/** What the simulator cannot show, and why. */
export const notExpressible: Readonly<Partial<Record<ProtectionName, string>>> = {
  'sealed-resume':
    'Needs an owner that streams from another standby after it was recorded. Our agents follow primaries only, and seal themselves before they write the record: no story leads there.',
}

export type Objection = GuardedResult & { readonly seed: number }

/** Runs seeds without the protection until a checker objects as expected; null when none does. */
export async function findObjection(
  expectation: Expectation,
  isTranscriptKept: boolean,
): Promise<Objection | null> {
  const { protection, scenario, seed: first, invariants } = expectation
  for (let seed = first; seed < first + seedCountMax; seed++) {
    const outcome = await runGuarded({ seed, scenario, without: [protection], isTranscriptKept })
    const invariant = outcome.violation?.invariant
    if (invariants.some((expected) => expected === invariant)) return { ...outcome, seed }
  }
  return null
}

/** The command that shows an objection again. */
export function commandOf(expectation: Expectation, seed: number): string {
  const { protection, scenario } = expectation
  const story = scenario === null ? '' : ` --scenario '${scenario}'`
  return `npm run sim -- --seed ${String(seed)}${story} --without ${protection} --transcript`
}
