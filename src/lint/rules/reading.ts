// L0xx: what keeps a file from being read.

import { type Rule, faultAt } from '../rule.ts'

export const readingRules: readonly Rule[] = [
  {
    id: 'L001',
    severity: 'error',
    title: 'a file, or a part of it, cannot be read',
    why: 'What cannot be read is not checked, and the program it is for may refuse it as well.',
    fix: 'correct the line, or give a file that can be read',
    check: ({ problems }) => problems.map(({ place, message }) => faultAt(place, message)),
  },
]
