// docs/internals/rules.md: the decision table in readable form, with a picture of its sections.

import { type Pattern, rules, type Rule } from '../../src/core/rules.ts'
import { code, generatedFrom, page, type Page, table } from './page.ts'

export function rulesPage(): Page {
  const sections = [...new Set(rules.map((rule) => rule.section))]
  return page(
    'docs/internals/rules.md',
    generatedFrom('src/core/rules.ts'),
    '# Rules',
    'What an agent does next is decided by this table: the facts are reduced to a situation of few words ' +
      '(`src/core/situation.ts`), and the first row that matches it wins. The id of the row stands in every ' +
      'event that it caused; `pgherd why EVENT` shows it with its operands. A dimension that a row does not ' +
      'name may have any value. Every situation matches a row, and every row is hit by some situation ' +
      '(`src/core/situations.test.ts`).',
    diagram(sections),
    ...sections.flatMap((section) => [
      `## ${capital(section)}`,
      table(
        ['Rule', 'When', 'Decision', 'Why'],
        rules
          .filter((rule) => rule.section === section)
          .map((rule) => [code(rule.id), renderPattern(rule.when), code(rule.decision), rule.why]),
      ),
    ]),
  )
}

function capital(text: string): string {
  return (text[0]?.toUpperCase() ?? '') + text.slice(1)
}

function renderPattern(when: Pattern): string {
  const parts = Object.entries(when).map(([name, value]) => {
    const values = Array.isArray(value) ? value.map(String) : [String(value)]
    return `${name}: ${values.map(code).join(' or ')}`
  })
  return parts.length === 0 ? 'always' : parts.join(', ')
}

/** Sections in the order in which they are tried, each with what it can decide. */
function diagram(sections: readonly Rule['section'][]): string {
  const lines = sections.flatMap((section, index) => {
    const decisions = new Set(
      rules.filter((rule) => rule.section === section).map((rule) => rule.decision),
    )
    const next =
      sections[index + 1] === undefined ? [] : [`  s${index} -->|no row matches| s${index + 1}`]
    return [`  s${index}["${section}"] --> d${index}["${[...decisions].join('<br/>')}"]`, ...next]
  })
  return ['```mermaid', 'flowchart LR', ...lines, '```'].join('\n')
}
