// A cluster whose agents run on other hosts, started there by systemd or a person. From here it can be
// looked at and asked, as far as the network allows; its processes and files are not in reach.

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { LoadedSpec } from '../../config/load.ts'
import { passFileIn, readSecrets } from '../../config/secrets.ts'
import type { NodeName } from '../../core/names.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { StatusClient } from '../../ports/status-client.ts'
import type { RuntimeCluster } from '../runtime.ts'

/** Whether the folder of the spec file holds what is needed to talk to the cluster's agents. */
export function hasSecretsBeside(specFile: string): boolean {
  return existsSync(secretsBeside(specFile))
}

/**
 * @param connect makes a client of agents that know a secret
 * @throws PgherdError PGHERD_SECRETS
 */
export async function openHostsCluster(
  specFile: string,
  { layout, spec }: LoadedSpec,
  connect: (secret: string) => StatusClient,
): Promise<RuntimeCluster> {
  const folder = secretsBeside(specFile)
  const { api } = await readSecrets(folder)
  const elsewhere = async (what: string, node: NodeName | null = null): Promise<never> => {
    throw notHere(layout.cluster, what, node)
  }
  return {
    layout,
    directory: path.dirname(path.resolve(specFile)),
    specFile,
    connect: () => connect(api),
    application: {
      database: spec.postgres.database,
      user: spec.postgres.user,
      passFile: passFileIn(folder),
      readPassword: async () => (await readFile(path.join(folder, 'app.password'), 'utf8')).trim(),
    },
    clientWords: () => [],
    lab: null,
    processes: async () => [],
    isSupervised: async () => false,
    logFiles: async () => [],
    startNode: (node) => elsewhere('start', node),
    stopNode: (node) => elsewhere('stop', node),
    killNode: (node) => elsewhere('kill', node),
    freezeNode: (node) => elsewhere('freeze', node),
    thawNode: (node) => elsewhere('thaw', node),
    down: () => elsewhere('stop'),
    destroy: () => elsewhere('destroy'),
  }
}

function secretsBeside(specFile: string): string {
  return path.join(path.dirname(path.resolve(specFile)), 'secrets')
}

function notHere(cluster: string, what: string, node: NodeName | null): PgherdError {
  const subject = node === null ? `cluster ${cluster}` : `${node} of cluster ${cluster}`
  return new PgherdError({
    code: 'PGHERD_NOT_HERE',
    reason: 'usage',
    message: `cannot ${what} ${subject} from here`,
    because: 'its agents were not started by `pgherd up` on this machine',
    hint: 'do it on the host, where the agent was started (systemctl stop, or SIGTERM to the agent)',
  })
}
