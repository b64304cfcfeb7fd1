// What a generated page is, and the small pieces of Markdown that pages are made of.

export type Page = {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
}

/** The line that keeps people from editing a page by hand. */
export function generatedFrom(source: string): string {
  return `<!-- Generated from ${source} by scripts/generate-docs.ts. Do not edit. -->`
}

/** A table; cells may hold Markdown, but no line break. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

export function code(text: string): string {
  return `\`${text}\``
}

export function shellBlock(...lines: readonly string[]): string {
  return ['```sh', ...lines, '```'].join('\n')
}

/** Blocks with an empty line between them, and a line break at the end. */
export function page(path: string, ...blocks: readonly (string | null)[]): Page {
  return { path, text: `${blocks.filter((block) => block !== null).join('\n\n')}\n` }
}
