// Passwords of .env files, compose files and HAProxy, each where it is written. None of them is shown.

import type { Deployment } from './deployment.ts'
import { foundOnce } from './found-once.ts'
import { isDefaultPassword, isPasswordName } from './passwords.ts'
import { type Place, isOpen } from './source-text.ts'

export type Credential = {
  readonly name: string
  readonly value: string
  readonly place: Place
  /** Names of users in the same place. */
  readonly users: ReadonlySet<string>
}

/** Passwords of .env files and compose files, each where it is written, and those of HAProxy. */
export const credentialsOf = foundOnce((deployment: Deployment): readonly Credential[] => {
  const sources = passwordSources(deployment)
  const pairs = deployment.env.map(({ entries }) =>
    entries.map(({ key, value, place }) => ({ key, value, raw: value, place })),
  )
  const written = deployment.compose.flatMap(({ services }) =>
    services.map(({ environment }) =>
      [...environment].map(([key, { value, raw, place }]) => ({ key, value, raw, place })),
    ),
  )
  const all = [...pairs, ...written].flatMap((group) => {
    const users = new Set(
      group
        .filter(({ key }) => /USER(NAME)?$/i.test(key) && !isPasswordName(key))
        .map(({ value }) => value),
    )
    return (
      group
        .filter(({ key }) => isPasswordName(key) || sources.has(key))
        // ALLOW_EMPTY_PASSWORD and the like are switches.
        .filter(({ value }) => !/^(yes|no|true|false|on|off)$/i.test(value))
        // What comes from a variable is judged where the variable stands; a default stands here.
        .filter(({ raw }) => !isOpen(raw) || /\$\{\w+:?-/.test(raw))
        .map(({ key, value, place }) => ({ name: key, value, place, users }))
    )
  })
  const seen = new Set<string>()
  return [...all, ...haproxyCredentials(deployment)].filter(({ name, place }) => {
    const key = `${place.file}:${place.line}:${name}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
})

/** Of the statistics page, and of lists of users. */
function haproxyCredentials({ haproxy }: Deployment): readonly Credential[] {
  const statistics = haproxy
    .flatMap(({ proxies }) => proxies.flatMap(({ own }) => own))
    .filter(({ words }) => words[0] === 'stats' && words[1] === 'auth')
    .map(({ words, place }) => {
      const [user = '', value = ''] = (words[2] ?? '').split(/:(.*)/)
      return { name: 'stats auth', value, place, users: new Set([user]) }
    })
  const listedUsers = haproxy
    .flatMap(({ users }) => users)
    .map(({ name, password, place }) => ({
      name: `insecure-password of ${name}`,
      value: password,
      place,
      users: new Set([name]),
    }))
  return [...statistics, ...listedUsers]
}

/** Variables of other names that compose files hand on as passwords. */
function passwordSources(deployment: Deployment): ReadonlySet<string> {
  return new Set(
    deployment.compose
      .flatMap(({ services }) => services.flatMap(({ environment }) => [...environment]))
      .filter(([key]) => isPasswordName(key))
      .flatMap(([, { raw }]) => /^\$\{?([A-Za-z_]\w*)/.exec(raw)?.[1] ?? []),
  )
}

/** Whether it is tried first. */
export function isDefault({ value, users }: Credential): boolean {
  return isDefaultPassword(value) || (value !== '' && users.has(value))
}
