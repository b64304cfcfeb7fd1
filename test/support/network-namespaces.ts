// A network of a few hosts on this machine: one namespace each, joined by a bridge in one of its own, so
// that the machine's own network sees nothing of it. Only root can make one.

import { spawnSync } from 'node:child_process'
import { signalProcess } from '../../src/host/process-table.ts'

export type TestNetwork = {
  /** Name of the namespace of a host. */
  namespaceOf(host: string): string
  /** Cuts or joins the cable of a host. */
  setCable(host: string, isJoined: boolean): void
  /** Ends what runs in the namespaces and removes them. */
  remove(): void
}

/** Why there can be no network here, or null. */
export function networkHindrance(): string | null {
  if (process.getuid?.() !== 0) return 'only root can make network namespaces'
  if (spawnSync('ip', ['-V']).status !== 0) return 'the program ip is missing'
  const name = `pgherd-try-${String(process.pid)}`
  const isMade = spawnSync('ip', ['netns', 'add', name]).status === 0
  if (isMade) spawnSync('ip', ['netns', 'del', name])
  return isMade ? null : 'this machine refuses network namespaces'
}

/** @param hosts addresses with prefix length by name; each gets `eth0` */
export function makeNetwork(hosts: Readonly<Record<string, readonly string[]>>): TestNetwork {
  const prefix = `pgherd-${String(process.pid)}-${String(performance.now()).slice(-4)}`
  const namespaceOf = (host: string): string => `${prefix}-${host}`
  const bridge = namespaceOf('bridge')
  const made: string[] = []
  const network: TestNetwork = {
    namespaceOf,
    setCable: (host, isJoined) => {
      ip('-n', bridge, 'link', 'set', `v-${host}`, isJoined ? 'up' : 'down')
    },
    remove: () => {
      for (const name of made.reverse()) {
        const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' })
        for (const pid of stdout.split('\n').map(Number)) {
          if (pid > 1) signalProcess(pid, 'SIGKILL')
        }
        spawnSync('ip', ['netns', 'del', name])
      }
    },
  }
  const add = (name: string): void => {
    ip('netns', 'add', name)
    made.push(name)
    ip('-n', name, 'link', 'set', 'lo', 'up')
  }
  try {
    add(bridge)
    ip('-n', bridge, 'link', 'add', 'br0', 'type', 'bridge')
    ip('-n', bridge, 'link', 'set', 'br0', 'up')
    for (const [host, addresses] of Object.entries(hosts)) {
      const name = namespaceOf(host)
      add(name)
      const peer = ['type', 'veth', 'peer', 'name', `v-${host}`, 'netns', bridge]
      ip('-n', name, 'link', 'add', 'eth0', ...peer)
      ip('-n', bridge, 'link', 'set', `v-${host}`, 'master', 'br0', 'up')
      ip('-n', name, 'link', 'set', 'eth0', 'up')
      for (const address of addresses) {
        const isIpv6 = address.includes(':')
        ip('-n', name, 'address', 'add', address, 'dev', 'eth0', ...(isIpv6 ? ['nodad'] : []))
      }
    }
    return network
  } catch (error) {
    network.remove()
    throw error
  }
}

/** @throws Error with the words of `ip` */
export function ip(...parameters: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('ip', parameters, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${parameters.join(' ')}: ${stderr}`)
  return stdout
}
