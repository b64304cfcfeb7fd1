// pgherd completion: prints the script for a shell.

import { PgherdError } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { completionScript, shells } from '../completion-script.ts'

export const completionCommand: Command = {
  name: 'completion',
  group: 'More',
  summary: 'print a completion script for bash, zsh or fish',
  description: [
    'Completes commands, options, names of nodes and clusters, ids of events, error codes.',
  ],
  arguments: [
    { name: 'shell', description: shells.join(', '), isRequired: true, completes: shells },
  ],
  options: [],
  examples: [
    {
      line: 'source <(pgherd completion bash)',
      note: 'for this session; put it in ~/.bashrc to keep it',
    },
    { line: 'pgherd completion zsh > "${fpath[1]}/_pgherd"', note: 'zsh, for good' },
    {
      line: 'pgherd completion fish > ~/.config/fish/completions/pgherd.fish',
      note: 'fish, for good',
    },
  ],
  exits: [],
  run: (context, input) => {
    const typed = input.argument('shell')
    const shell = shells.find((one) => one === typed)
    if (shell === undefined) {
      throw new PgherdError({
        code: 'PGHERD_USAGE',
        reason: 'usage',
        message: `there is no completion for "${typed ?? ''}"`,
        hint: `name one of ${shells.join(', ')}`,
      })
    }
    context.terminal.print(completionScript(shell).trimEnd())
    return Promise.resolve('done')
  },
}
