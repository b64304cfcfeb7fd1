// L3xx: what Docker makes of a node: how it is started, stopped and watched.

import { dataNodesIn, databaseNodesOf } from '../../database-node.ts'
import { nodesThatLack, perComposeFile, together, toldOnce } from '../../frames.ts'
import type { ComposeService } from '../../parse-compose.ts'
import { type Rule, faultAt } from '../../rule.ts'
import { isOpen } from '../../source-text.ts'

/** A shutdown has to write every changed page; this is long enough for most. */
const gracePeriodMinS = 60

/** Docker's own default. */
const gracePeriodDefaultS = 10

export const composeContainerRules: readonly Rule[] = [
  {
    id: 'L305',
    severity: 'warning',
    title: 'an image without a version',
    why: 'The next pull may bring another major version, which cannot read the database.',
    fix: 'image: with a full version, the same on every node',
    check: perComposeFile((compose) => {
      const floating = databaseNodesOf(compose).flatMap(({ service }) =>
        service.image !== null && isFloating(service.image.value) ? [service.image] : [],
      )
      // Nodes that share a line through an anchor are one finding.
      const lines = new Map(
        floating.map((image) => [`${image.place.file}:${image.place.line}`, image]),
      )
      return [...lines.values()].map(({ value, place }) =>
        faultAt(place, `${value} is another program after each release`, { image: value }),
      )
    }),
  },
  {
    id: 'L306',
    severity: 'warning',
    title: 'a node that stays down',
    why: 'After a crash, or when its host starts again, nobody starts the container.',
    fix: 'restart: unless-stopped',
    check: nodesThatLack(
      databaseNodesOf,
      staysDown,
      (names) => `${names}: nothing starts it again`,
    ),
  },
  {
    id: 'L307',
    severity: 'warning',
    title: 'too little time to shut down',
    why: 'Docker kills PostgreSQL in the middle of its shutdown checkpoint: the next start is a recovery.',
    fix: 'stop_grace_period: 2m',
    check: perComposeFile((compose) => {
      const short = dataNodesIn(compose).flatMap(({ service }) => {
        const seconds = graceSeconds(service)
        return seconds !== null && seconds < gracePeriodMinS ? [{ service, seconds }] : []
      })
      const least = Math.min(...short.map(({ seconds }) => seconds))
      return together(
        short.map(({ service }) => service),
        (names) => `${names}: killed after ${least} s`,
      )
    }),
  },
  {
    id: 'L308',
    severity: 'info',
    title: 'only 64 MB of shared memory',
    why: 'Parallel queries need more and fail with "could not resize shared memory segment".',
    fix: 'shm_size: 256mb',
    check: nodesThatLack(
      dataNodesIn,
      ({ hasSharedMemorySize }) => !hasSharedMemorySize,
      (names) => `${names}: no shm_size`,
    ),
  },
  {
    id: 'L309',
    severity: 'info',
    title: 'no health check',
    why: 'Docker shows a node that hangs as running, and what waits for it does not wait.',
    fix: 'healthcheck: { test: [CMD, pg_isready, -U, postgres], interval: 5s }',
    check: nodesThatLack(
      dataNodesIn,
      ({ hasHealthcheck }) => !hasHealthcheck,
      (names) => `${names}: no healthcheck`,
    ),
  },
  {
    id: 'L310',
    severity: 'warning',
    title: 'a variable that nobody sets',
    why: 'Compose puts an empty text in its place, which may be an empty password.',
    fix: `write it into .env, or \${NAME:?} so that compose refuses to start without it`,
    check: perComposeFile(({ missingVariables }) =>
      missingVariables.map(({ name, isDoubtful, place }) =>
        isDoubtful
          ? faultAt(
              place,
              'what follows a $ is taken for the name of a variable, and nobody sets it',
              {},
              `$$ for a dollar sign, \${NAME:?} for a variable`,
            )
          : faultAt(place, `\${${name}} is in no .env beside this file and has no default`, {
              name,
            }),
      ),
    ),
  },
  {
    id: 'L318',
    severity: 'info',
    title: 'an extended service was not given',
    why: 'What stands there is not checked, and what seems to be missing here may be there.',
    fix: 'give lint the file that holds the extended service, too',
    check: toldOnce(
      perComposeFile(({ missingBases }) =>
        missingBases.map(({ file, service, place }) =>
          faultAt(place, `${service} of ${file} is extended and was not found`, { file, service }),
        ),
      ),
    ),
  },
]

/** No version, or one that moves. */
function isFloating(image: string): boolean {
  // Where a variable is empty, that is told instead.
  if (isOpen(image) || image.includes('@') || image.endsWith(':')) return false
  const tag = /:([^:/]+)$/.exec(image)?.[1]
  return tag === undefined || tag === 'latest'
}

function staysDown({ restart, hasRestartPolicy }: ComposeService): boolean {
  const value = restart?.value.replaceAll(/["']/g, '') ?? 'no'
  return !hasRestartPolicy && (value === 'no' || value === 'false')
}

/** Null: nobody knows. */
function graceSeconds({ stopGracePeriod, isWhole }: ComposeService): number | null {
  if (stopGracePeriod === null) return isWhole ? gracePeriodDefaultS : null
  return parseComposeSeconds(stopGracePeriod.value)
}

/** `90`, `1m30s`, `2m`; null when it is none of these. */
function parseComposeSeconds(text: string): number | null {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?$/.exec(text)
  if (match === null || text === '') return null
  return Number(match[1] ?? 0) * 3600 + Number(match[2] ?? 0) * 60 + Number(match[3] ?? 0)
}
