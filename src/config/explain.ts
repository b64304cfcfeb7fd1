// The settings as a list for people, derived from the schema: for `pgherd explain`, the generated page
// and the suggestions in error messages. Also the JSON Schema for editors.

import * as z from 'zod'
import { specSchema } from './schema.ts'
import type { SpecPath } from './problems.ts'

export type SettingExplanation = {
  /** `nodes[].apiPort` */
  readonly path: string
  readonly description: string
  /** `a whole number from 1024 to 65535`, `one of fast, balanced, wan`, … */
  readonly accepts: string
  readonly unit: string | null
  /** As it would be written in the file; null when there is none or it is derived. */
  readonly defaultText: string | null
  readonly isRequired: boolean
}

type JsonSchema = {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly unit?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly additionalProperties?: unknown
}

/** JSON Schema (2020-12) of cluster.yaml, for editors and documentation. */
export function specJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(specSchema, { io: 'input' })
  return { ...schema, title: 'pgherd cluster', description: 'cluster.yaml' }
}

/** All settings in the order of the schema. */
export function explainSettings(): readonly SettingExplanation[] {
  return settingsBelow('', specJsonSchema())
}

/** Names of the settings that may stand at `path`; empty when it is no group of settings. */
export function knownKeysAt(path: SpecPath): readonly string[] {
  let schema: JsonSchema | undefined = specJsonSchema()
  for (const part of path) {
    schema = typeof part === 'number' ? schema?.items : schema?.properties?.[part]
  }
  return Object.keys(schema?.properties ?? {})
}

function settingsBelow(prefix: string, schema: JsonSchema): readonly SettingExplanation[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, setting]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`
    if (setting.properties !== undefined) return settingsBelow(path, setting)
    const isRequired = schema.required?.includes(key) ?? false
    const self = explanationOf(path, setting, isRequired)
    return setting.items?.properties === undefined
      ? [self]
      : [self, ...settingsBelow(`${path}[]`, setting.items)]
  })
}

function explanationOf(path: string, setting: JsonSchema, isRequired: boolean): SettingExplanation {
  const value = setting.default
  return {
    path,
    description: setting.description ?? '',
    accepts: acceptedBy(setting),
    unit: setting.unit ?? null,
    defaultText: value === undefined ? null : JSON.stringify(value),
    isRequired,
  }
}

const acceptedNames: Readonly<Record<string, string>> = {
  string: 'a text',
  boolean: 'true or false',
  null: 'null',
  object: 'a group of names and values',
}

function acceptedBy(setting: JsonSchema): string {
  if (setting.anyOf !== undefined) return setting.anyOf.map(acceptedBy).join(', or ')
  if (setting.enum !== undefined) return `one of ${setting.enum.map(String).join(', ')}`
  if (setting.type === 'integer') {
    return `a whole number from ${String(setting.minimum)} to ${String(setting.maximum)}`
  }
  if (setting.type === 'array') {
    return setting.items?.properties === undefined ? 'a list of texts' : 'a list of groups'
  }
  return acceptedNames[String(setting.type)] ?? 'a value'
}
