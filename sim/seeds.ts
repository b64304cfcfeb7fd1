// Seeds that once failed, with one line each. They run first in every smoke run.

export const seedsThatFailed: readonly { readonly seed: number; readonly why: string }[] = [
  {
    seed: 1,
    why: 'I5: a machine that wakes needs a moment until its guard has stopped the server',
  },
  { seed: 4, why: 'I10: a primary waited behind its gate for a list member that was gone' },
  { seed: 6, why: 'I10: a start asked a dead guard to give up its deadline, again and again' },
  {
    seed: 13,
    why: 'I6: the model of a walsender answered reports before it had handled its SIGHUP',
  },
  { seed: 25, why: 'I10: an agent killed between election and promotion; its successor waited' },
  { seed: 82, why: 'I10: an agent killed between promotion and slots; nobody could follow' },
  { seed: 147, why: 'I10: the first primary was recorded, then its directory was thrown away' },
  { seed: 1066, why: 'I7: PostgreSQL reconnected to a new epoch by itself and was counted' },
  {
    seed: 1848,
    why: 'I6: SHOW read the newest file for an earlier reload; a walsender had not been told yet',
  },
  { seed: 90142, why: 'I4: a lease was deleted, and its epoch given to a second holder' },
  { seed: 100990, why: 'I4: two poisoned records vouched for each other' },
]
