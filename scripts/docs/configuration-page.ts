// docs/configuration.md and the JSON Schema for editors, from the schema of the spec file.

import {
  explainSettings,
  type SettingExplanation,
  specJsonSchema,
} from '../../src/config/explain.ts'
import { timingPlans } from '../../src/core/timing-plan.ts'
import { code, generatedFrom, page, type Page, table } from './page.ts'

export function configurationPages(): readonly Page[] {
  return [
    page(
      'docs/configuration.md',
      generatedFrom('src/config/schema.ts and src/core/timing-plan.ts'),
      '# Configuration',
      'One file, `cluster.yaml`, describes a cluster. Every setting has a default; the empty file is a good ' +
        'cluster. `pgherd spec` prints the effective spec with every default and port, ' +
        '`pgherd explain SETTING` the text below. Unknown keys and impossible values are refused with line ' +
        'and column. Editors check the file with [the JSON Schema](cluster.schema.json):',
      '```yaml\n# yaml-language-server: $schema=docs/cluster.schema.json\ncluster: main\n```',
      '## Settings',
      table(['Setting', 'Default', 'Takes', 'Meaning'], explainSettings().map(settingRow)),
      '## Timing plans',
      'A plan is chosen by name (`plan`). Its intervals follow from three numbers by one function, so ' +
        'that they cannot contradict each other. All in milliseconds.',
      planTable(),
    ),
    { path: 'docs/cluster.schema.json', text: `${JSON.stringify(specJsonSchema(), null, 2)}\n` },
  ]
}

function settingRow(setting: SettingExplanation): readonly string[] {
  const unit = setting.unit === null ? '' : ` (${setting.unit})`
  const value = setting.isRequired ? 'required' : (setting.defaultText ?? 'derived')
  const shown = value.length > 60 ? 'see `pgherd spec`' : value
  const isText = shown === value && !['required', 'derived'].includes(value)
  return [
    code(setting.path),
    isText ? code(shown) : shown,
    setting.accepts + unit,
    setting.description,
  ]
}

function planTable(): string {
  const { fast, balanced, wan } = timingPlans
  const names = Object.keys(fast).filter((name) => name !== 'name') as Exclude<
    keyof typeof fast,
    'name'
  >[]
  return table(
    ['Interval', 'fast', 'balanced', 'wan'],
    names.map((name) => [
      code(name),
      String(fast[name]),
      String(balanced[name]),
      String(wan[name]),
    ]),
  )
}
