// pgherd spec and explain: what the cluster is to be, and what could be set.

import { readFile } from 'node:fs/promises'
import { closest } from '../../config/closest.ts'
import { type SettingExplanation, explainSettings } from '../../config/explain.ts'
import { defaultSpec, loadSpec } from '../../config/load.ts'
import { renderSpec } from '../../config/render.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { type CommandContext, openCluster, printJson } from '../context.ts'
import { tellNext } from '../next-line.ts'
import { wrapIndented } from '../render-table.ts'

export const specCommand: Command = {
  name: 'spec',
  group: 'Look',
  summary: 'print the effective spec, with every default and port',
  description: [
    'With --spec FILE the file is checked and printed with its defaults; without it, the spec of the ' +
      'cluster that is there, or the default one. What it prints is itself a valid spec file.',
  ],
  arguments: [],
  options: [],
  examples: [
    { line: 'pgherd spec > cluster.yaml', note: 'a file to start from' },
    { line: 'pgherd spec --spec cluster.yaml', note: 'check a file before it is used' },
  ],
  exits: ['configuration'],
  run: async (context) => {
    const text = await specText(context)
    const loaded = text.loaded
    for (const warning of loaded.warnings) {
      const { messageStyle: style } = context.terminal
      context.terminal.tell(`${style.warn(style.symbols.warning)} ${warning}`)
    }
    if (context.isJson) {
      const { spec, layout, warnings, source } = loaded
      printJson(context, { version: 1, source, spec, layout, warnings })
      return 'done'
    }
    context.terminal.print(text.yaml.trimEnd())
    return 'done'
  },
}

type SpecText = { readonly yaml: string; readonly loaded: Awaited<ReturnType<typeof loadSpec>> }

async function specText(context: CommandContext): Promise<SpecText> {
  const { specFile, cluster } = context.selection
  if (specFile !== null) {
    const loaded = await loadSpec(specFile)
    return { yaml: renderSpec(loaded), loaded }
  }
  const known = await context.services.runtime.clusters()
  if (known.length === 0 && cluster === null) {
    const loaded = defaultSpec()
    return { yaml: renderSpec(loaded), loaded }
  }
  const { specFile: effective } = await openCluster(context)
  return { yaml: await readFile(effective, 'utf8'), loaded: await loadSpec(effective) }
}

export const explainCommand: Command = {
  name: 'explain',
  group: 'Look',
  summary: 'explain the settings of a spec file',
  description: [
    'Without a name all settings are listed; with the name of one or of a group, that.',
  ],
  arguments: [
    {
      name: 'setting',
      description: 'as durability, or nodes[].apiPort, or postgres',
      isRequired: false,
      completes: 'setting',
    },
  ],
  options: [],
  examples: [
    { line: 'pgherd explain', note: 'all settings' },
    { line: 'pgherd explain durability', note: 'one of them' },
  ],
  exits: [],
  run: async (context, input) => {
    const { terminal } = context
    const all = explainSettings()
    const name = input.argument('setting')
    const chosen = name === null ? all : settingsNamed(all, name)
    if (context.isJson) {
      printJson(context, { version: 1, settings: chosen })
      return 'done'
    }
    terminal.print(...chosen.flatMap((one) => settingLines(one, terminal, name === null)))
    if (name === null) tellNext(terminal, 'pgherd explain SETTING', 'pgherd spec > cluster.yaml')
    return 'done'
  },
}

/** @throws PgherdError PGHERD_SETTING_UNKNOWN */
function settingsNamed(
  all: readonly SettingExplanation[],
  name: string,
): readonly SettingExplanation[] {
  // nodes[2].apiPort of an error message is the same setting as nodes[].apiPort.
  const path = name.replaceAll(/\[\d+\]/g, '[]')
  const found = all.filter(
    (one) =>
      one.path === path || one.path.startsWith(`${path}.`) || one.path.startsWith(`${path}[`),
  )
  if (found.length > 0) return found
  const meant = closest(
    path,
    all.map((one) => one.path),
  )
  throw new PgherdError({
    code: 'PGHERD_SETTING_UNKNOWN',
    reason: 'usage',
    message: `there is no setting "${name}"`,
    ...(meant === null ? {} : { because: `did you mean "${meant}"?` }),
    hint: 'see them all: pgherd explain',
  })
}

/** Long defaults (the nodes) are better read in the effective spec. */
const defaultLengthMax = 40

function defaultOf(setting: SettingExplanation): string {
  if (setting.isRequired) return 'required'
  if (setting.defaultText === null) return 'derived'
  const isLong = setting.defaultText.length > defaultLengthMax
  return isLong ? 'see pgherd spec' : `default ${setting.defaultText}`
}

/** @param isBrief without what it takes */
function settingLines(
  setting: SettingExplanation,
  { width, style }: CommandContext['terminal'],
  isBrief: boolean,
): readonly string[] {
  const columns = Math.min(width, 96)
  const unit = setting.unit === null ? '' : `, in ${setting.unit}`
  return [
    `${style.bold(setting.path)}  ${style.dim(defaultOf(setting))}`,
    ...wrapIndented(setting.description, columns, '  '),
    ...(isBrief ? [] : wrapIndented(`Takes ${setting.accepts}${unit}.`, columns, '  ')),
  ]
}
