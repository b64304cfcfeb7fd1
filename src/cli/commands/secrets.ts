// pgherd secrets: the passwords of a cluster on several hosts, made once beside its spec file.

import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { loadSpec } from '../../config/load.ts'
import { ensurePassFile, ensureSecrets } from '../../config/secrets.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { printJson } from '../context.ts'
import { tellNext } from '../next-line.ts'

export const secretsCommand: Command = {
  name: 'secrets',
  group: 'More',
  summary: 'make the passwords of a cluster on several hosts',
  description: [
    'Makes the folder secrets/ beside the spec file: generated passwords and the secret by which agents ' +
      'know each other, readable by their owner only. What is there already stays. Copy the spec file and ' +
      'this folder to every host, then start the agents. `pgherd up` needs none of this.',
  ],
  arguments: [],
  options: [],
  examples: [
    { line: 'pgherd secrets --spec cluster.yaml', note: 'once, then copy the folder to each host' },
  ],
  exits: ['configuration', 'system'],
  run: async (context) => {
    const { specFile } = context.selection
    if (specFile === null) {
      throw new PgherdError({
        code: 'PGHERD_USAGE',
        reason: 'usage',
        message: 'secrets needs --spec FILE',
        hint: 'see pgherd help secrets; for a whole cluster on this machine: pgherd up',
      })
    }
    const { spec } = await loadSpec(specFile)
    const folder = path.join(path.dirname(path.resolve(specFile)), 'secrets')
    const before = await filesIn(folder)
    await ensureSecrets(folder)
    await ensurePassFile(folder, spec.postgres.user)
    const isChanged = (await filesIn(folder)) !== before
    if (context.isJson) {
      printJson(context, { version: 1, folder, isChanged })
      return 'done'
    }
    const { messageStyle: style } = context.terminal
    const sentence = isChanged
      ? `The secrets are in ${folder}.`
      : `Nothing to make: the secrets are in ${folder} already.`
    context.terminal.tell(`${style.good(style.symbols.done)} ${sentence}`)
    tellNext(context.terminal, `pgherd agent --spec ${specFile} --node NAME`)
    return 'done'
  },
}

/** Which files there are: a file that is written anew is another one. Empty without the folder. */
async function filesIn(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => [])
  const entries = names.toSorted().map(async (name) => {
    const { ino } = await stat(path.join(folder, name))
    return `${name} ${String(ino)}`
  })
  return (await Promise.all(entries)).join('\n')
}
