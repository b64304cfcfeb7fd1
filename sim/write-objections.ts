// Writes sim/objections/<protection>.txt: for each protection what breaks without it, told by the
// transcript, with the command that shows it again.

import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { commandOf, expectations, findObjection } from './objections.ts'
import { scenarios } from './scenarios/all.ts'

const lineCount = 45

/** @throws Error when a protection's absence is not noticed any more */
export async function writeObjections(say: (line: string) => void): Promise<void> {
  const folder = path.join(import.meta.dirname, 'objections')
  mkdirSync(folder, { recursive: true })
  for (const expectation of expectations) {
    const { protection, scenario } = expectation
    const objection = await findObjection(expectation, true)
    if (objection === null) throw new Error(`no checker objects when ${protection} is taken away`)
    const { seed, violation, result } = objection
    const about = scenarios.find(({ name }) => name === scenario)?.about
    const text = [
      `Without the protection "${protection}" (see src/core/protections.ts):`,
      `${violation?.invariant ?? ''}: ${violation?.message ?? ''}`,
      '',
      ...(about === undefined ? [] : [`Story: ${about}`]),
      commandOf(expectation, seed),
      '',
      result?.transcript.render(lineCount) ?? '',
    ].join('\n')
    writeFileSync(path.join(folder, `${protection}.txt`), text)
    say(`${protection}: seed ${String(seed)}, ${violation?.invariant ?? ''}`)
  }
}
