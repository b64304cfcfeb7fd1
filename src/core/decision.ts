// What a node can decide to do next, and the rule that said so.

import type { Rule } from './rules.ts'

export const decisionKinds = [
  'wait',
  'shut-down',
  'fence',
  'fence-and-release',
  'reclaim-lease',
  'give-up-lease',
  'acquire-first-lease',
  'acquire-lease',
  'release-lease',
  'release-to-successor',
  'close',
  'report-lost-store',
  'report-foreign-data',
  'report-lost-record',
  'restore-records',
  'bootstrap',
  'adopt-staged',
  'resume',
  'start-standby',
  'ask-seals',
  'record-election',
  'hand-over-election',
  'fetch-wal',
  'refuse-election',
  'promote',
  'pass-on-promotion',
  'prove-list',
  'open',
  'keep-serving',
  'prepare-switchover',
  'hand-over',
  'cancel-switchover',
  'keep-following',
  'detach',
  'follow',
  'rewind',
  'clone',
] as const

export type DecisionKind = (typeof decisionKinds)[number]

export type Decision = { readonly kind: DecisionKind; readonly rule: Rule }
