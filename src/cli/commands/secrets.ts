// pgherd secrets: the passwords of a cluster on several hosts, made once beside its spec file.

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
    const areSecretsNew = await ensureSecrets(folder)
    const isPassFileNew = await ensurePassFile(folder, spec.postgres.user)
    const isChanged = areSecretsNew || isPassFileNew
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
