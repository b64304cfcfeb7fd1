// What runs inside one network namespace of the tests of the shared address. `watch ADDRESS` prints when
// the address comes and goes. `run JSON` is the agent's part: the adapter, and a stand-in for HAProxy's
// health frontend. Commands come line by line; states go out as JSON lines.

import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { isAddressHere } from '../../src/adapters/keepalived/addresses.ts'
import { createKeepalived } from '../../src/adapters/keepalived/keepalived.ts'
import type { KeepalivedOptions } from '../../src/adapters/keepalived/process.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'

const [, , verb = '', parameter = ''] = process.argv
const samplePeriodMs = 4

function tell(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document)}\n`)
}

function watch(address: string): void {
  let known: boolean | null = null
  setInterval(() => {
    const isHere = isAddressHere(address)
    if (isHere !== known) tell({ atMs: systemClock.monotonicMs(), isHere })
    known = isHere
  }, samplePeriodMs)
}

function run(options: KeepalivedOptions): void {
  let isHealthy = true
  const health = createServer((_request, response) => {
    response.writeHead(isHealthy ? 200 : 503).end()
  })
  health.listen(options.layout.balancerPorts?.health, '127.0.0.1')
  const log = (level: string, text: string): void => tell({ level, text })
  const vip = createKeepalived(systemClock, { record: () => undefined, log }, options)
  vip.onChange(() => tell({ state: vip.state() }))
  vip.start()
  const commands: Readonly<Record<string, () => Promise<void>>> = {
    fit: () => vip.setFit(true),
    unfit: () => vip.setFit(false),
    healthy: async () => void (isHealthy = true),
    sick: async () => void (isHealthy = false),
    stop: async () => {
      await vip.stop()
      process.exit(0)
    },
  }
  createInterface(process.stdin).on('line', (line) => {
    void commands[line]?.().then(() => tell({ done: line }))
  })
}

if (verb === 'watch') watch(parameter)
else run(JSON.parse(parameter) as KeepalivedOptions)
