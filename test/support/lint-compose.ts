// Compose files of a few services, for the tests of rules.

import type { Files } from './lint-examples.ts'

export const image = 'image: bitnami/postgresql-repmgr:16.4.0'

/** Services of YAML lines; the first one stands on line 2. */
export function compose(...services: readonly (readonly [string, ...string[]])[]): Files {
  const text = services.flatMap(([name, ...lines]) => [
    `  ${name}:`,
    ...lines.map((line) => `    ${line}`),
  ])
  return { 'docker-compose.yml': ['services:', ...text, ''].join('\n') }
}

export function environment(...lines: readonly string[]): readonly string[] {
  return ['environment:', ...lines.map((line) => `  - ${line}`)]
}

export const sound = environment(
  'REPMGR_FENCE_OLD_PRIMARY=yes',
  'REPMGR_USE_PGREWIND=yes',
  'POSTGRESQL_NUM_SYNCHRONOUS_REPLICAS=1',
)
