// The answers for balancers and supervisors: a path and what the agent knows → 200 or 503. Paths and
// codes are Patroni's, so that existing checks keep working. Pure: no I/O happens when asked.

import type { RoleAnswer } from '../../ports/agent-api.ts'

type Check = (role: RoleAnswer, lagBytesMax: number | null) => boolean

const isPrimary: Check = (role) => role.isPrimary
const isStandby: Check = (role, lagBytesMax) =>
  role.isStandby && (lagBytesMax === null || (role.lagBytes ?? Infinity) <= lagBytesMax)

const checks: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['/', isPrimary],
  ['/primary', isPrimary],
  ['/read-write', isPrimary],
  ['/leader', isPrimary],
  ['/replica', isStandby],
  ['/read-only', (role, lagBytesMax) => role.isPrimary || isStandby(role, lagBytesMax)],
  ['/health', (role) => role.isReady || role.isPrimary || role.isStandby],
  ['/liveness', (role) => role.isLive],
  ['/readiness', (role) => role.isReady],
])

/** @param path without query */
export function isRolePath(path: string): boolean {
  return checks.has(path)
}

/**
 * The status of a role check: 200 yes, 503 no, 400 for a `lag` that is no size.
 * @param query what follows the `?`; `lag=16MB` or `lag=1048576` bounds how far a standby may be behind
 */
export function roleStatusOf(path: string, query: string, role: RoleAnswer): 200 | 400 | 503 {
  const lagText = query === '' ? null : new URLSearchParams(query).get('lag')
  const lagBytesMax = lagText === null ? null : parseSize(lagText)
  if (lagBytesMax === undefined) return 400
  return (checks.get(path)?.(role, lagBytesMax) ?? false) ? 200 : 503
}

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1024,
  mb: 1024 ** 2,
  gb: 1024 ** 3,
  tb: 1024 ** 4,
}

/** `16MB`, `64kB`, `100`: bytes in PostgreSQL's units; undefined when it is none. */
function parseSize(text: string): number | undefined {
  const match = /^(\d{1,15})\s*([a-zA-Z]{0,2})$/.exec(text)
  const unit = unitBytes[(match?.[2] ?? '').toLowerCase()]
  return match?.[1] === undefined || unit === undefined ? undefined : Number(match[1]) * unit
}
