// The program: argv to exit code, and the only place that sets it. Results must reach a pipe before the
// process ends.

import { endWithoutReader } from './cli/broken-pipes.ts'
import { installInterrupts } from './cli/interrupts.ts'
import { runProgram } from './cli/program.ts'
import { systemClock } from './adapters/system/clock.ts'
import { exitCodes } from './lib/errors.ts'
import { createRuntime, renderBalancer, runAgent, runSupervise, version } from './wiring.ts'

endWithoutReader(process, () => process.exit(exitCodes.done))

const interrupts = installInterrupts(process, () => process.exit(exitCodes.interrupted))

const argv = process.argv.slice(2)
if (argv[0] === 'supervise') {
  await runSupervise(argv.slice(1), interrupts.signal)
} else {
  process.exitCode = await runProgram({
    argv,
    environment: process.env,
    streams: process,
    interrupts,
    version,
    services: () => ({
      clock: systemClock,
      runtime: createRuntime(process.env),
      runAgent,
      renderBalancer,
    }),
  })
  // One that failed may have left a loop or a server running. It must end whole, or nobody starts it again.
  if (argv[0] === 'agent') process.exit()
}
