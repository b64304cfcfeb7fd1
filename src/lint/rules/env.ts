// L4xx: .env files, and passwords wherever they are written.

import { credentialsOf, isDefault } from '../credentials.ts'
import type { Deployment } from '../deployment.ts'
import { perEnvFile, toldOnce } from '../frames.ts'
import { passwordFix, passwordLengthMin } from '../passwords.ts'
import { repeated } from '../repeated.ts'
import { type Rule, faultAt } from '../rule.ts'
import { type Place, isOpen } from '../source-text.ts'

/** Settings that let people in without a password. */
const openDoors: Readonly<Record<string, RegExp>> = {
  ALLOW_EMPTY_PASSWORD: /^(yes|true|1)$/i,
  POSTGRES_HOST_AUTH_METHOD: /^trust$/i,
  POSTGRESQL_ALLOW_REMOTE_CONNECTIONS_WITHOUT_PASSWORD: /^(yes|true|1)$/i,
}

function settingsOf(
  deployment: Deployment,
): readonly { readonly key: string; readonly value: string; readonly place: Place }[] {
  return [
    ...deployment.env.flatMap(({ entries }) => entries),
    ...deployment.compose.flatMap(({ services }) =>
      services.flatMap(({ environment }) =>
        [...environment].map(([key, { value, place }]) => ({ key, value, place })),
      ),
    ),
  ]
}

export const envRules: readonly Rule[] = [
  {
    id: 'L401',
    severity: 'error',
    title: 'a default password',
    why: 'It stands in every manual: whoever reaches the port owns the database.',
    fix: 'write what `openssl rand -hex 24` prints, into a file that only its owner can read',
    check: (deployment) =>
      credentialsOf(deployment)
        .filter((credential) => !isOpen(credential.value) && isDefault(credential))
        .map(({ name, place }) =>
          faultAt(place, `${name} is a default password`, { name }, passwordFix(name)),
        ),
  },
  {
    id: 'L402',
    severity: 'warning',
    title: 'a short password',
    why: 'It is found by trying, without anybody noticing.',
    fix: 'write what `openssl rand -hex 24` prints',
    check: (deployment) =>
      credentialsOf(deployment)
        .filter((credential) => !isOpen(credential.value) && !isDefault(credential))
        .filter(({ name, value }) => value !== '' && value.length < passwordLengthMin(name))
        .map(({ name, place }) => {
          const lengthMin = passwordLengthMin(name)
          // Its own length would help whoever tries.
          const message = `${name} has less than ${lengthMin} characters`
          return faultAt(place, message, { name, lengthMin }, passwordFix(name))
        }),
  },
  {
    id: 'L403',
    severity: 'error',
    title: 'no password at all',
    why: 'Whoever reaches the port owns the database.',
    fix: 'set a password, and remove what allows to come in without one',
    check: toldOnce((deployment) => [
      ...credentialsOf(deployment)
        .filter(({ value }) => value === '')
        .map(({ name, place }) => faultAt(place, `${name} is empty`, { name })),
      ...settingsOf(deployment)
        .filter(({ key, value }) => openDoors[key]?.test(value) === true)
        .map(({ key, value, place }) => faultAt(place, `${key}=${value}`, { name: key })),
    ]),
  },
  {
    id: 'L404',
    severity: 'warning',
    title: 'a key is there twice',
    why: 'Only the last one counts; whoever corrects the first one changes nothing.',
    fix: 'remove one of the lines',
    check: perEnvFile(({ entries }) =>
      repeated(entries, ({ key }) => key).map(([first, { key, place }]) =>
        faultAt(place, `${key} is already on line ${first.place.line}`, {
          name: key,
          firstLine: first.place.line,
        }),
      ),
    ),
  },
  {
    id: 'L405',
    severity: 'warning',
    title: 'blanks or quotes that not every program reads alike',
    why: 'Compose drops them and `docker run --env-file` keeps them, so passwords differ by one character.',
    fix: 'KEY=value without blanks around the equals sign and at the end, quotes around all or nothing',
    check: (deployment) => {
      const lines = new Map(
        deployment.files.map(({ path, text }) => [path, text.split(/\r\n|\n|\r/)]),
      )
      return deployment.env.flatMap(({ entries }) =>
        entries.flatMap(({ key, raw, place }) => {
          if (raw.includes('\n')) return []
          const trouble = troubleOf(raw, lines.get(place.file)?.[place.line - 1] ?? '')
          return trouble === null ? [] : [faultAt(place, `${key} has ${trouble}`, { name: key })]
        }),
      )
    },
  },
  {
    id: 'L406',
    severity: 'info',
    title: 'a password in the compose file itself',
    why: 'Compose files are committed and passed on, and the password with them.',
    fix: `write \${NAME:?}, with NAME in a .env file that only its owner can read`,
    check: (deployment) => {
      const envFiles = new Set(deployment.env.map(({ file }) => file))
      const haproxyFiles = new Set(deployment.haproxy.map(({ file }) => file))
      return credentialsOf(deployment)
        .filter(({ value }) => value !== '')
        .filter(({ place: { file } }) => !envFiles.has(file) && !haproxyFiles.has(file))
        .map(({ name, place }) => faultAt(place, `${name} is written in clear`, { name }))
    },
  },
]

/** Whether it ends with a quote that opens nowhere before. */
function isUnpaired(text: string): boolean {
  const last = text.at(-1) ?? ''
  return (last === '"' || last === "'") && text.split(last).length % 2 === 0
}

function troubleOf(raw: string, line: string): string | null {
  const text = raw.trim()
  if (raw !== '' && raw.trimEnd() !== raw && text !== '') return 'a blank at its end'
  if (/^\s/.test(raw) && text !== '') return 'a blank before its value'
  if (/^\s*(export\s+)?[\w.-]+\s+=/.test(line)) return 'a blank before the equals sign'
  const [first = ''] = text
  const isQuoted = first === '"' || first === "'"
  if (isQuoted && !/^"(?:[^"\\]|\\.)*"(\s+#.*)?$|^'[^']*'(\s+#.*)?$/.test(text))
    return 'a quote that is not closed, or text after it'
  if (!isQuoted && isUnpaired(text)) return 'a quote at its end only'
  return null
}
