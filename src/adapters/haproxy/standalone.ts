// HAProxy on a host without an agent, in the places of Debian's package: its health checks alone decide.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { FileCheck, RenderedFile } from '../../ports/rendered-file.ts'
import { checkHaproxy, validateConfig } from './program.ts'
import { renderConfig } from './render.ts'
import type { HaproxySettings } from './render.ts'

/** What the host and the spec say; the rest follows from the package. */
export type StandaloneSettings = Pick<
  HaproxySettings,
  'connectionsMax' | 'serverConnections' | 'readLagMaxMb' | 'stats'
>

/** The whole configuration. @throws RangeError when the layout has no endpoints */
export function renderStandalone(
  layout: ClusterLayout,
  settings: StandaloneSettings,
): readonly RenderedFile[] {
  const text = renderConfig(layout, {
    ...settings,
    socketPath: '/run/haproxy/admin.sock',
    stateFile: null,
    bindHost: null,
    runAs: { user: 'haproxy', group: 'haproxy' },
  })
  return [{ name: 'haproxy.cfg', place: '/etc/haproxy/haproxy.cfg', mode: 0o600, text }]
}

/**
 * Asks the HAProxy of this machine, when there is one.
 * @throws PgherdError PGHERD_HAPROXY_VERSION, PGHERD_HAPROXY_CONFIG
 */
export async function checkStandalone(
  binary: string,
  files: readonly RenderedFile[],
): Promise<FileCheck> {
  try {
    await checkHaproxy(binary)
  } catch (error) {
    if (!(error instanceof PgherdError) || error.code !== 'PGHERD_NO_HAPROXY') throw error
    return { program: 'HAProxy', uncheckedBecause: 'it is not installed here' }
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'pgherd-render-'))
  try {
    for (const { name, text } of files) {
      const file = path.join(folder, name)
      await writeFile(file, text, { mode: 0o600 })
      await validateConfig(binary, file)
    }
    return { program: 'HAProxy', uncheckedBecause: null }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
