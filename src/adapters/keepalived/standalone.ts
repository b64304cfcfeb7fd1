// Keepalived on a host without an agent, in the places of Debian's package: the check script alone decides
// whether the host may have the address.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { FileCheck, RenderedFile } from '../../ports/rendered-file.ts'
import { renderCheckScript } from './check-script.ts'
import { checkKeepalived, validateConfig } from './program.ts'
import { renderConfig } from './render.ts'
import { renderUnit } from './render-unit.ts'
import type { KeepalivedSettings } from './render.ts'

export type StandaloneSettings = Pick<KeepalivedSettings, 'node' | 'addresses' | 'networkInterface'>

const folder = '/etc/keepalived'
const scriptName = 'check-haproxy.sh'

/** Configuration, check script and what systemd is told. @throws RangeError when the layout has no VIP */
export function renderStandalone(
  layout: ClusterLayout,
  settings: StandaloneSettings,
): readonly RenderedFile[] {
  const script = renderCheckScript(layout.balancerPorts?.health ?? 0)
  return [
    {
      name: 'keepalived.conf',
      place: path.join(folder, 'keepalived.conf'),
      mode: 0o640,
      text: renderWith(layout, settings, path.join(folder, scriptName)),
    },
    { name: scriptName, place: path.join(folder, scriptName), mode: 0o755, text: script },
    {
      name: 'keepalived.service.conf',
      place: '/etc/systemd/system/keepalived.service.d/pgherd.conf',
      mode: 0o644,
      text: renderUnit(layout, settings.networkInterface),
    },
  ]
}

function renderWith(
  layout: ClusterLayout,
  settings: StandaloneSettings,
  scriptFile: string,
): string {
  return renderConfig(layout, { ...settings, scriptFile, trackFile: null })
}

/**
 * Asks the Keepalived of this machine, when there is one and this is the host that the files are for: it
 * looks for the network interface.
 * @throws PgherdError PGHERD_KEEPALIVED_VERSION, PGHERD_KEEPALIVED_CONFIG
 */
export async function checkStandalone(
  binary: string,
  layout: ClusterLayout,
  settings: StandaloneSettings,
): Promise<FileCheck> {
  const unchecked = (uncheckedBecause: string): FileCheck => ({
    program: 'Keepalived',
    uncheckedBecause,
  })
  try {
    await checkKeepalived(binary)
  } catch (error) {
    if (!(error instanceof PgherdError) || error.code !== 'PGHERD_NO_KEEPALIVED') throw error
    return unchecked('it is not installed here')
  }
  if (process.getuid?.() !== 0) return unchecked('it wants to be asked by root')
  const { networkInterface } = settings
  if (networkInterfaces()[networkInterface] === undefined) {
    return unchecked(`this machine has no network interface ${networkInterface}`)
  }
  const scratch = await mkdtemp(path.join(tmpdir(), 'pgherd-render-'))
  try {
    const scriptFile = path.join(scratch, scriptName)
    const configFile = path.join(scratch, 'keepalived.conf')
    await writeFile(scriptFile, renderCheckScript(0), { mode: 0o755 })
    await writeFile(configFile, renderWith(layout, settings, scriptFile), { mode: 0o600 })
    await validateConfig(binary, configFile)
    return { program: 'Keepalived', uncheckedBecause: null }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
