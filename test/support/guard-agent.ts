// A program for tests: an agent reduced to its duty towards the guard. Arguments: the guard client's
// options as JSON, and for how many ms each extension holds. Prints each deadline it has sent.

import {
  createGuardClient,
  type GuardClientOptions,
} from '../../src/adapters/guard/guard-client.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import type { MonotonicMs } from '../../src/core/names.ts'

const [optionsText = '', holdText = ''] = process.argv.slice(2)
const guard = createGuardClient(JSON.parse(optionsText) as GuardClientOptions)
const periodMs = 50

function nextDeadline(): MonotonicMs {
  return (systemClock.monotonicMs() + Number(holdText)) as MonotonicMs
}

await guard.ensure()
const first = nextDeadline()
await guard.arm(first)
console.log(first)
for (;;) {
  await systemClock.sleep(periodMs)
  const stopByMs = nextDeadline()
  // Printed first: what is sent is never later than what was printed last.
  console.log(stopByMs)
  guard.extend(stopByMs)
}
