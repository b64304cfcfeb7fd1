import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import { asNodeName } from '../../core/names.ts'
import type { ClusterName, NodeRole } from '../../core/names.ts'
import { deriveTimingPlan, timingPlans } from '../../core/timing-plan.ts'
import { checkTimingOf, silenceBoundMs, toleratedAbsenceMs } from './check-timing.ts'
import { parseVersion } from './program.ts'
import { renderClosedState, renderConfig } from './render.ts'
import type { HaproxySettings } from './render.ts'
import { parseServersState } from './runtime-api.ts'

function node(name: string, role: NodeRole, host: string, index: number): NodeLayout {
  return {
    name: asNodeName(name),
    role,
    host,
    postgresPort: role === 'data' ? 5510 + index : null,
    apiPort: 5550 + index,
    storeClientPort: null,
    storePeerPort: null,
    isVoter: false,
    noFailover: false,
  }
}

function layoutOn(hosts: readonly [string, string, string]): ClusterLayout {
  return {
    cluster: 'main' as ClusterName,
    durability: 'quorum',
    syncStandbys: 1,
    plan: timingPlans.fast,
    nodes: [
      node('pg-0', 'data', hosts[0], 0),
      node('pg-1', 'data', hosts[1], 1),
      node('pgw-0', 'witness', hosts[2], 2),
      node('lb-0', 'balancer', hosts[2], 3),
    ],
    endpoints: { write: { host: hosts[2], port: 5500 }, read: { host: hosts[2], port: 5501 } },
    balancerPorts: { stats: 5502, health: 5503 },
    vip: null,
  }
}

const loopback = layoutOn(['127.0.0.1', '127.0.0.1', '127.0.0.1'])
const settings: HaproxySettings = {
  socketPath: '/run/c/haproxy.sock',
  stateFile: '/data/lb-0/haproxy.state',
  bindHost: '127.0.0.1',
  connectionsMax: 2000,
  serverConnections: { writeMax: 72, readMax: 82, fallbackMax: 10 },
  readLagMaxMb: 64,
  stats: { bindHost: '127.0.0.1', password: 'a-generated_0ne' },
  runAs: null,
}

describe('haproxy: configuration', () => {
  it('on one machine', async () => {
    await expect(renderConfig(loopback, settings)).toMatchFileSnapshot('testdata/loopback.cfg')
  })

  it('on several hosts, one with an IPv6 address, started as root', async () => {
    const layout = layoutOn(['10.0.0.1', 'fd00::2', '10.0.0.3'])
    const text = renderConfig(layout, {
      ...settings,
      bindHost: null,
      connectionsMax: 500,
      stats: { bindHost: '10.0.0.3', password: 'a-generated_0ne' },
      runAs: { uid: 113, gid: 120 },
    })
    await expect(text).toMatchFileSnapshot('testdata/hosts.cfg')
  })

  it('on a host without an agent, which clients reach by IPv6', async () => {
    const layout = layoutOn(['fd00::1', 'fd00::2', 'fd00::3'])
    const text = renderConfig(layout, {
      ...settings,
      stateFile: null,
      bindHost: null,
      serverConnections: { writeMax: 69, readMax: 91, fallbackMax: 22 },
      readLagMaxMb: null,
      stats: { bindHost: 'fd00::3', password: 'a-generated_0ne' },
      runAs: { user: 'haproxy', group: 'haproxy' },
    })
    await expect(text).toMatchFileSnapshot('testdata/standalone.cfg')
  })

  it('has no statistics without a password', () => {
    const text = renderConfig(loopback, { ...settings, stats: null })
    expect(text).not.toMatch(/stats uri|5502|userlist/)
  })

  it('needs endpoints', () => {
    const layout = { ...loopback, endpoints: { write: null, read: null } }
    expect(() => renderConfig(layout, settings)).toThrow(RangeError)
  })

  it('starts with every server closed for writes', () => {
    const states = parseServersState(renderClosedState(loopback).trimEnd())
    expect(states).toEqual([
      { server: 'pg-0', isUsable: false },
      { server: 'pg-1', isUsable: false },
    ])
  })
})

describe('haproxy: check timing', () => {
  const plans = fc
    .record({
      etcdHeartbeatMs: fc.integer({ min: 20, max: 500 }),
      electionFactor: fc.integer({ min: 5, max: 12 }),
      renewMs: fc.integer({ min: 100, max: 2000 }),
    })
    .map(({ etcdHeartbeatMs, electionFactor, renewMs }) =>
      deriveTimingPlan({
        name: 'fast',
        etcdHeartbeatMs,
        etcdElectionMs: etcdHeartbeatMs * electionFactor,
        renewMs,
      }),
    )

  it('a silent node is closed before its lease can be taken', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        expect(silenceBoundMs(checkTimingOf(plan))).toBeLessThan(plan.ttlMs)
      }),
    )
  })

  it('an agent may be away for most of the time that it holds the lease', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const timing = checkTimingOf(plan)
        const holdMs = plan.ttlMs - plan.marginMs
        const fittingMs = plan.ttlMs - 3 * timing.writeCheckMs - 1
        expect(toleratedAbsenceMs(timing)).toBeGreaterThanOrEqual(Math.min(holdMs, fittingMs))
      }),
    )
  })

  it.each([
    ['fast', 250, 4, 1250, 750],
    ['balanced', 250, 13, 3500, 3000],
    ['wan', 600, 15, 9600, 8400],
  ] as const)(
    'plan %s: every %i ms, %i in a row, closed after %i ms, away for %i ms',
    (name, periodMs, fall, boundMs, absenceMs) => {
      const timing = checkTimingOf(timingPlans[name])
      expect(timing).toMatchObject({ writeCheckMs: periodMs, writeFall: fall })
      expect(silenceBoundMs(timing)).toBe(boundMs)
      expect(toleratedAbsenceMs(timing)).toBe(absenceMs)
    },
  )

  it('a client is held for longer than two elections take, and tries again often', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const { holdMs, holdTryMs } = checkTimingOf(plan)
        expect(holdMs).toBeGreaterThanOrEqual(2 * (plan.ttlMs + plan.sealTimeoutMs))
        expect(holdTryMs).toBeLessThanOrEqual(holdMs / 20)
      }),
    )
  })

  it('reads stay open while standbys wait for a new primary', () => {
    for (const plan of Object.values(timingPlans)) {
      const timing = checkTimingOf(plan)
      expect(timing.readCheckMs * (timing.readFall - 1)).toBeGreaterThanOrEqual(plan.ttlMs)
    }
  })
})

describe('haproxy: what it says', () => {
  it.each([
    [
      'HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/',
      '2.6.12-1+deb12u4',
      [2, 6],
    ],
    ['HA-Proxy version 2.2.9-2 2021/03/01', '2.2.9-2', [2, 2]],
  ])('%s', (text, version, numbers) => {
    expect(parseVersion(text)).toEqual({ text: version, numbers })
  })

  it('something else is no version and no state', () => {
    expect(parseVersion('nginx/1.22')).toBeNull()
    expect(() => parseServersState('Unknown command.')).toThrow(/not a list of server states/)
  })

  it('a server in maintenance is not usable although it is up', () => {
    const text = '1\n# srv_name srv_op_state srv_admin_state\na 2 0\nb 2 1\nc 0 0\nd 1 0'
    expect(parseServersState(text).filter((each) => each.isUsable)).toEqual([
      { server: 'a', isUsable: true },
      { server: 'd', isUsable: true },
    ])
  })
})
