// Every command, in the order of the help.

import type { Command } from './command.ts'
import { agentCommand } from './commands/agent.ts'
import { clustersCommand } from './commands/clusters.ts'
import { completionCommand } from './commands/completion.ts'
import { destroyCommand } from './commands/destroy.ts'
import { downCommand } from './commands/down.ts'
import { eventsCommand } from './commands/events.ts'
import { helpCommand } from './commands/help.ts'
import { labCommands } from './commands/lab.ts'
import { lintCommand } from './commands/lint.ts'
import { logsCommand } from './commands/logs.ts'
import {
  nodeFreezeCommand,
  nodeKillCommand,
  nodeStartCommand,
  nodeStopCommand,
  nodeThawCommand,
} from './commands/node-verbs.ts'
import { pauseCommand, resumeCommand } from './commands/pause.ts'
import { psqlCommand } from './commands/psql.ts'
import { renderCommand } from './commands/render.ts'
import { secretsCommand } from './commands/secrets.ts'
import { explainCommand, specCommand } from './commands/spec.ts'
import { statusCommand } from './commands/status.ts'
import { storeRecoverCommand } from './commands/store-recover.ts'
import { switchoverCommand } from './commands/switchover.ts'
import { topologyCommand } from './commands/topology.ts'
import { upCommand } from './commands/up.ts'
import { urlCommand } from './commands/url.ts'
import { whyCommand } from './commands/why.ts'

export const commandTable: readonly Command[] = [
  upCommand,
  downCommand,
  destroyCommand,
  statusCommand,
  topologyCommand,
  eventsCommand,
  whyCommand,
  logsCommand,
  clustersCommand,
  specCommand,
  explainCommand,
  lintCommand,
  urlCommand,
  psqlCommand,
  switchoverCommand,
  storeRecoverCommand,
  pauseCommand,
  resumeCommand,
  nodeStopCommand,
  nodeStartCommand,
  nodeKillCommand,
  nodeFreezeCommand,
  nodeThawCommand,
  ...labCommands,
  agentCommand,
  secretsCommand,
  renderCommand,
  completionCommand,
  helpCommand,
]
