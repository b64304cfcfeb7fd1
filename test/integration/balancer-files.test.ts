// What is rendered for balancers, against the programs that read it: for many specs, HAProxy and Keepalived
// themselves must accept every file. And `pgherd render`, as a person runs it.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { renderCheckScript } from '../../src/adapters/keepalived/check-script.ts'
import { renderConfig as renderKeepalived } from '../../src/adapters/keepalived/render.ts'
import { renderConfig as renderHaproxy } from '../../src/adapters/haproxy/render.ts'
import { serverConnections } from '../../src/config/connections.ts'
import { parseSpec } from '../../src/config/load.ts'
import type { LoadedSpec } from '../../src/config/load.ts'
import { balancersOf } from '../../src/core/cluster-layout.ts'
import type { NodeName } from '../../src/core/names.ts'
import { makeNetwork, networkHindrance } from '../support/network-namespaces.ts'
import type { TestNetwork } from '../support/network-namespaces.ts'
import { makeHome } from '../support/run-pgherd.ts'
import type { Home } from '../support/run-pgherd.ts'

const hindrance =
  networkHindrance() ??
  ['keepalived', 'haproxy'].flatMap((name) =>
    spawnSync(name, ['-v']).error === undefined ? [] : [`${name} is not installed`],
  )[0] ??
  null
if (hindrance !== null) console.log(`balancer-files.test.ts skips: ${hindrance}`)

const nodeName = fc.oneof(
  fc.stringMatching(/^[a-z][a-z0-9-]{0,39}$/),
  fc.constantFrom(
    'write',
    'read',
    'stats',
    'health',
    'operators',
    'a',
    'haproxy',
    'fitness',
    'main',
  ),
)

const specs = fc
  .record({
    cluster: fc.stringMatching(/^[a-z][a-z0-9-]{0,39}$/),
    names: fc.uniqueArray(nodeName, { minLength: 1, maxLength: 7 }),
    balancerCount: fc.constantFrom(0, 1, 1, 2, 2, 2),
    isIpv6: fc.boolean(),
    hasVip: fc.boolean(),
    areNamed: fc.boolean(),
    areTogether: fc.boolean(),
    vrrp: fc.constantFrom('unicast', 'multicast'),
    plan: fc.constantFrom('fast', 'balanced', 'wan'),
    vrrpRouterId: fc.integer({ min: 1, max: 255 }),
    advertMs: fc.option(fc.integer({ min: 10, max: 1000 }).map((value) => value * 10)),
    connectionsMax: fc.integer({ min: 10, max: 100_000 }),
    readLagMaxMb: fc.option(fc.integer({ min: 1, max: 1_048_576 })),
    maxConnections: fc.option(fc.integer({ min: 40, max: 5000 })),
    password: fc.stringMatching(/^[A-Za-z0-9_-]{32}$/),
    hasAgent: fc.boolean(),
  })
  .map((drawn) => {
    const balancerCount = Math.min(drawn.balancerCount, drawn.names.length - 1)
    const dataCount = drawn.names.length - balancerCount
    const hostOf = (index: number): string => {
      const place = index >= dataCount && drawn.areTogether ? index - dataCount : index
      if (drawn.areNamed && index < dataCount && !drawn.areTogether) {
        return `host-${String(place)}.example`
      }
      return drawn.isIpv6 ? `fd09::${String(place + 1)}` : `10.9.0.${String(place + 1)}`
    }
    const vip = drawn.isIpv6 ? 'fd09::100/64' : '10.9.0.100/24'
    const { connectionsMax, readLagMaxMb, vrrpRouterId, vrrp, advertMs } = drawn
    const text = stringify({
      cluster: drawn.cluster,
      plan: drawn.plan,
      nodes: drawn.names.map((name, index) => ({
        name,
        role: index < dataCount ? 'data' : 'balancer',
        host: hostOf(index),
      })),
      balancer: {
        ...{ connectionsMax, readLagMaxMb, vrrpRouterId, vrrp, advertMs },
        vip: drawn.hasVip && balancerCount > 0 ? vip : null,
      },
      ...(drawn.maxConnections === null
        ? {}
        : { postgres: { parameters: { max_connections: drawn.maxConnections } } }),
    })
    return { ...drawn, balancerCount, text, loaded: parseSpec(text, 'drawn') }
  })

describe.skipIf(hindrance !== null)('balancer files', () => {
  let directory: string
  let network: TestNetwork
  beforeAll(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'pgherd-files-'))
    network = makeNetwork({ host: ['10.9.0.1/24', 'fd09::1/64'] })
    const script = path.join(directory, 'check.sh')
    writeFileSync(script, renderCheckScript(8405), { mode: 0o755 })
  })
  afterAll(() => {
    network.remove()
    rmSync(directory, { recursive: true, force: true })
  })

  /** What a program says that does not accept the text; empty when it does. */
  function complaintOf(program: string, words: readonly string[], text: string): string {
    const file = path.join(directory, 'file')
    writeFileSync(file, text)
    const inside = ['netns', 'exec', network.namespaceOf('host'), program, ...words, file]
    const { status, stdout, stderr } = spawnSync('ip', inside, { encoding: 'utf8' })
    const alerts = stderr.split('\n').filter((line) => /ALERT|WARNING/.test(line))
    // Here no name of a host has an address; HAProxy starts all the same.
    const others = alerts.filter((line) => !line.includes('could not resolve address'))
    if (status === 0 && program === 'haproxy') return others.join('\n')
    return status === 0 && stderr === '' ? '' : `${String(status)} ${stdout}${stderr}`
  }

  function haproxyText(drawn: { password: string; hasAgent: boolean }, loaded: LoadedSpec): string {
    const { spec, layout } = loaded
    const stateFile = path.join(directory, 'server-state')
    writeFileSync(stateFile, '1\n')
    return renderHaproxy(layout, {
      socketPath: path.join(directory, 'haproxy'),
      stateFile: drawn.hasAgent ? stateFile : null,
      bindHost: null,
      connectionsMax: spec.balancer.connectionsMax,
      serverConnections: serverConnections(spec),
      readLagMaxMb: spec.balancer.readLagMaxMb,
      stats: { bindHost: null, password: drawn.password },
      runAs: drawn.hasAgent ? null : { user: 'nobody', group: 'nogroup' },
    })
  }

  function keepalivedText(hasAgent: boolean, { layout }: LoadedSpec, node: NodeName): string {
    return renderKeepalived(layout, {
      node,
      addresses: new Map(balancersOf(layout).map((each) => [each.name, each.host])),
      networkInterface: 'eth0',
      scriptFile: path.join(directory, 'check.sh'),
      trackFile: hasAgent ? path.join(directory, 'fitness') : null,
    })
  }

  it('HAProxy and Keepalived accept what is rendered for any spec', () => {
    const seen = { haproxy: 0, keepalived: 0, none: 0 }
    fc.assert(
      fc.property(specs, (drawn) => {
        const { loaded } = drawn
        const balancers = balancersOf(loaded.layout)
        if (balancers.length === 0) {
          seen.none += 1
          expect(() => haproxyText(drawn, loaded)).toThrow(RangeError)
          return
        }
        seen.haproxy += 1
        expect(complaintOf('haproxy', ['-c', '-f'], haproxyText(drawn, loaded))).toBe('')
        if (loaded.layout.vip === null) return
        for (const { name } of balancers) {
          seen.keepalived += 1
          const text = keepalivedText(drawn.hasAgent, loaded, name)
          expect(complaintOf('keepalived', ['-t', '-f'], text)).toBe('')
        }
      }),
      { numRuns: 80 },
    )
    console.log(`accepted: ${JSON.stringify(seen)}`)
    expect(seen.keepalived).toBeGreaterThan(5)
  })
})

describe.skipIf(hindrance !== null)('pgherd render', () => {
  const spec = `cluster: orders
nodes:
  - { name: pg-0, role: data, host: 10.9.0.1 }
  - { name: lb-0, role: balancer, host: 10.9.0.2 }
  - { name: lb-1, role: balancer, host: 10.9.0.3, interface: nowhere0 }
balancer: { vip: 10.9.0.100/24 }
`
  let home: Home
  let specFile: string
  beforeEach(async () => {
    home = await makeHome()
    specFile = path.join(home.directory, 'cluster.yaml')
    writeFileSync(specFile, spec)
  })
  afterEach(() => home.remove())

  const render = (...words: readonly string[]) => home.run(['render', ...words, '--spec', specFile])

  it('writes what differs, keeps what others wrote, and says what to do with it', async () => {
    await home.run(['secrets', '--spec', specFile])
    const out = path.join(home.directory, 'out')
    const password = readFileSync(path.join(home.directory, 'secrets/balancer.password'), 'utf8')
    const first = await render('lb-1', '--out', out)
    expect(first.exitCode).toBe(0)
    expect(first.stderr).toContain('HAProxy accepts its configuration.')
    expect(first.stderr).toContain('this machine has no network interface nowhere0')
    expect(first.stderr).toContain('check-haproxy.sh /etc/keepalived/check-haproxy.sh')
    const modes = readdirSync(out).map((name) => [
      name,
      statSync(path.join(out, name)).mode & 0o777,
    ])
    expect(Object.fromEntries(modes)).toEqual({
      'haproxy.cfg': 0o600,
      'keepalived.conf': 0o640,
      'check-haproxy.sh': 0o755,
      'keepalived.service.conf': 0o644,
    })
    expect(readFileSync(path.join(out, 'haproxy.cfg'), 'utf8')).toContain(password.trim())
    expect((await render('lb-1', '--out', out)).stderr).toContain('Nothing to write')

    writeFileSync(path.join(out, 'keepalived.conf'), '! mine\n')
    const refused = await render('lb-1', '--out', out)
    expect(refused.exitCode).toBe(3)
    expect(refused.stderr).toContain('PGHERD_FILE_FOREIGN')
    const forced = await render('lb-1', '--out', out, '--force', '--json')
    expect(JSON.parse(forced.stdout)).toMatchObject({ node: 'lb-1', written: ['keepalived.conf'] })
  })

  it('prints without the password', async () => {
    await home.run(['secrets', '--spec', specFile])
    const password = readFileSync(path.join(home.directory, 'secrets/balancer.password'), 'utf8')
    const { stdout, stderr } = await render('lb-1')
    expect(stdout).toContain('# ==> /etc/haproxy/haproxy.cfg (mode 0600)')
    expect(stdout).toContain('user pgherd insecure-password ********')
    expect(stdout).not.toContain(password.trim())
    expect(stdout).toContain('ExecStopPost=-/usr/sbin/ip address del 10.9.0.100/24 dev nowhere0')
    expect(stderr).toContain('  keepalived --config-test\n  systemctl daemon-reload\n')
  })

  it.each([
    [['pg-0'], 2, 'balancers: lb-0, lb-1'],
    [['lb-7'], 2, 'did you mean'],
    [['lb-0'], 3, 'PGHERD_INTERFACE_UNKNOWN'],
  ] as const)('%j → refused with %i', async (words, exitCode, expected) => {
    const refused = await render(...words)
    expect(refused.exitCode).toBe(exitCode)
    expect(refused.stderr).toContain(expected)
  })
})
