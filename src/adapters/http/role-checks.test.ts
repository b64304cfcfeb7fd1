import { describe, expect, it } from 'vitest'
import type { RoleAnswer } from '../../ports/agent-api.ts'
import { isRolePath, roleStatusOf } from './role-checks.ts'

const nobody: RoleAnswer = {
  isPrimary: false,
  isStandby: false,
  lagBytes: null,
  isLive: true,
  isReady: false,
}
const primary: RoleAnswer = { ...nobody, isPrimary: true, isReady: true }
const standby: RoleAnswer = { ...nobody, isStandby: true, lagBytes: 2_000_000, isReady: true }
const witness: RoleAnswer = { ...nobody, isReady: true }

describe('role checks: who answers 200', () => {
  it.each<[path: string, answers: readonly [number, number, number, number]]>([
    ['/', [200, 503, 503, 503]],
    ['/primary', [200, 503, 503, 503]],
    ['/read-write', [200, 503, 503, 503]],
    ['/leader', [200, 503, 503, 503]],
    ['/replica', [503, 200, 503, 503]],
    ['/read-only', [200, 200, 503, 503]],
    ['/health', [200, 200, 200, 503]],
    ['/readiness', [200, 200, 200, 503]],
    ['/liveness', [200, 200, 200, 200]],
  ])('%s: primary, standby, witness, none → %j', (path, answers) => {
    expect([primary, standby, witness, nobody].map((role) => roleStatusOf(path, '', role))).toEqual(
      answers,
    )
  })

  it('a loop that hangs is not live', () => {
    expect(roleStatusOf('/liveness', '', { ...primary, isLive: false })).toBe(503)
  })

  it('other paths are none', () => {
    expect(isRolePath('/status')).toBe(false)
    expect(isRolePath('/primary/')).toBe(false)
  })
})

describe('role checks: lag bound', () => {
  it.each([
    ['lag=2000000', 200],
    ['lag=1999999', 503],
    ['lag=2MB', 200],
    ['lag=1MB', 503],
    ['lag=1953kB', 503],
    ['lag=1954kB', 200],
    ['lag=1GB', 200],
    ['lag=', 400],
    ['lag=fast', 400],
    ['lag=-1', 400],
    ['lag=1XB', 400],
    ['other=1', 200],
  ])('%s → %i', (query, status) => {
    expect(roleStatusOf('/replica', query, standby)).toBe(status)
  })

  it('an unknown lag is too much for any bound', () => {
    const unknown: RoleAnswer = { ...standby, lagBytes: null }
    expect(roleStatusOf('/replica', 'lag=1TB', unknown)).toBe(503)
    expect(roleStatusOf('/replica', '', unknown)).toBe(200)
  })

  it('does not shut out the primary from /read-only', () => {
    expect(roleStatusOf('/read-only', 'lag=1', primary)).toBe(200)
  })
})
