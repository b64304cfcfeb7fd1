// Writes the generated pages: commands, errors, configuration, rules. With --check it writes nothing
// and fails when a page is not what the sources say, or when a page of docs/cli has no command.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { format, resolveConfig } from 'prettier'
import { commandTable } from '../src/cli/command-table.ts'
import { cliPages } from './docs/cli-pages.ts'
import { configurationPages } from './docs/configuration-page.ts'
import { errorPage } from './docs/error-page.ts'
import { lintPage } from './docs/lint-page.ts'
import type { Page } from './docs/page.ts'
import { rulesPage } from './docs/rules-page.ts'

const root = path.resolve(import.meta.dirname, '..')

function allPages(): readonly Page[] {
  return [...cliPages(commandTable), errorPage(), ...configurationPages(), rulesPage(), lintPage()]
}

/** As `npm run format` would leave it, with prose broken at the width of the code. */
async function formatted(page: Page): Promise<string> {
  const filepath = path.join(root, page.path)
  return format(page.text, { ...(await resolveConfig(filepath)), filepath, proseWrap: 'always' })
}

async function staleFiles(pages: readonly Page[]): Promise<readonly string[]> {
  const known = new Set(pages.map((page) => page.path))
  const files = await readdir(path.join(root, 'docs/cli')).catch(() => [])
  return files.map((file) => `docs/cli/${file}`).filter((file) => !known.has(file))
}

async function main(): Promise<void> {
  const isCheck = process.argv.includes('--check')
  const pages = allPages()
  const problems = (await staleFiles(pages)).map((file) => `${file} belongs to no command`)
  for (const page of pages) {
    const file = path.join(root, page.path)
    const text = await formatted(page)
    const present = await readFile(file, 'utf8').catch(() => null)
    if (present === text) continue
    if (isCheck) {
      problems.push(`${page.path} is not current`)
      continue
    }
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, text)
    console.log(page.path)
  }
  if (problems.length === 0) return
  for (const problem of problems) console.error(problem)
  if (isCheck) console.error('next: npm run docs:generate')
  process.exitCode = 1
}

await main()
