// The checks behind tidy.test.ts, as pure functions from source files to a list of problems, so
// that small in-memory examples can show that each of them is able to object.
import path from 'node:path'
import ts from 'typescript'
import { testExtras, type Layer } from './layers.ts'

export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

interface Import {
  readonly from: string
  readonly to: string
}

const isTest = (file: string) => file.endsWith('.test.ts')
const isRelative = (specifier: string) => specifier.startsWith('.')

/** Specifiers of static imports, re-exports, import() and `new URL('./x.ts', import.meta.url)`. */
export function importsOf(file: SourceFile): string[] {
  const imported = ts.preProcessFile(file.text, true, true).importedFiles.map((i) => i.fileName)
  const started = [...file.text.matchAll(/new URL\(\s*'(\.[^']+\.ts)'/g)].flatMap((m) => m[1] ?? [])
  return [...imported, ...started]
}

function resolveImport(from: string, specifier: string): string {
  return path.posix.join(path.posix.dirname(from), specifier)
}

function relativeImports(files: readonly SourceFile[]): Import[] {
  return files.flatMap((file) =>
    importsOf(file)
      .filter(isRelative)
      .map((specifier) => ({ from: file.path, to: resolveImport(file.path, specifier) })),
  )
}

function isInPlace(file: string, place: string): boolean {
  return file === place || file.startsWith(`${place}/`)
}

function layerOf(file: string, layers: readonly Layer[]): Layer | undefined {
  return layers.find((layer) => isInPlace(file, layer.place))
}

/** `@scope/name/part` and `name/part` without the part. */
function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

export function checkLayers(files: readonly SourceFile[], layers: readonly Layer[]): string[] {
  return files.flatMap((file) => {
    const layer = layerOf(file.path, layers)
    if (layer === undefined)
      return [`${file.path}: belongs to no layer; add a row to test/layers.ts`]
    return importsOf(file).flatMap((specifier) => {
      const problem = isRelative(specifier)
        ? refuseFile(file.path, resolveImport(file.path, specifier), layer, layers)
        : refusePackage(file.path, specifier, layer)
      return problem === null ? [] : [`${file.path}: ${problem}`]
    })
  })
}

function refuseFile(
  from: string,
  to: string,
  layer: Layer,
  layers: readonly Layer[],
): string | null {
  const target = layerOf(to, layers)
  if (to === 'package.json' || layer.mayImport === 'everything' || target === layer) return null
  const allowed = [...layer.mayImport, ...(isTest(from) ? testExtras.mayImport : [])]
  if (allowed.some((place) => isInPlace(to, place))) return null
  return `imports ${to}, but ${layer.place} may import only ${allowed.join(', ') || 'itself'}`
}

function refusePackage(from: string, specifier: string, layer: Layer): string | null {
  if (specifier.startsWith('node:')) {
    if (layer.node || isTest(from)) return null
    return `imports ${specifier}, but ${layer.place} may not touch the outside world`
  }
  const name = packageName(specifier)
  if (layer.packages === 'everything' || layer.packages.includes(name)) return null
  if (isTest(from) && testExtras.packages.some((extra) => extra === name)) return null
  return `imports the package ${name}, which ${layer.place} may not`
}

/** Rows for places that hold no file, and names that are no row. */
export function checkStaleLayers(
  files: readonly SourceFile[],
  layers: readonly Layer[],
  dependencies: readonly string[],
): string[] {
  const places = new Set(layers.map((layer) => layer.place))
  const unused = layers.filter((layer) => !files.some((file) => isInPlace(file.path, layer.place)))
  return [
    ...unused.map((layer) => `test/layers.ts: ${layer.place} has no file any more`),
    ...layers.flatMap((layer) =>
      (layer.mayImport === 'everything' ? [] : layer.mayImport)
        .filter((place) => !places.has(place))
        .map((place) => `test/layers.ts: ${layer.place} names ${place}, which is no row`),
    ),
    ...layers.flatMap((layer) =>
      (layer.packages === 'everything' ? [] : layer.packages)
        .filter((name) => !dependencies.includes(name))
        .map((name) => `test/layers.ts: ${layer.place} names ${name}, which is not installed`),
    ),
  ]
}

/** Runtime packages that no file under src imports. */
export function checkUnusedPackages(
  files: readonly SourceFile[],
  runtimePackages: readonly string[],
): string[] {
  const used = new Set(
    files
      .filter((file) => isInPlace(file.path, 'src') && !isTest(file.path))
      .flatMap((file) => importsOf(file).map(packageName)),
  )
  return runtimePackages
    .filter((name) => !used.has(name))
    .map((name) => `package.json: nothing under src imports ${name}`)
}

/** Imports that lead nowhere, and files that no program and no test reaches. */
export function checkDeadFiles(
  files: readonly SourceFile[],
  programs: readonly string[],
): string[] {
  const known = new Set(files.map((file) => file.path))
  const edges = relativeImports(files)
  const reach = (roots: readonly string[]) => {
    const reached = new Set(roots)
    for (const file of reached) {
      for (const edge of edges) if (edge.from === file) reached.add(edge.to)
    }
    return reached
  }
  const byPrograms = reach(programs)
  const byAny = reach([...programs, ...files.map((file) => file.path).filter(isTest)])

  return files
    .flatMap(({ path: file }) => {
      if (isTest(file) || byPrograms.has(file)) return []
      if (!byAny.has(file)) return [`${file}: nobody imports it`]
      // What only a test needs belongs to the tests, not into the program.
      return isInPlace(file, 'src') ? [`${file}: only tests import it`] : []
    })
    .concat(programs.filter((file) => !known.has(file)).map((file) => `${file}: does not exist`))
}

const impureNames = new Set([
  'Date',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'queueMicrotask',
  'performance',
  'fetch',
  'console',
  'process',
  'crypto',
  'Promise',
  'PromiseLike',
  'AbortSignal',
  'AbortController',
  'globalThis',
  'Buffer',
])

/** Files of src/core: facts in, decisions out, and nothing else. */
export function checkPurity(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => isInPlace(file.path, 'src/core') && !isTest(file.path))
    .flatMap((file) => {
      const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2023, true)
      const problems: string[] = []
      const visit = (node: ts.Node): void => {
        const impurity = describeImpurity(node)
        if (impurity !== null) {
          const { line } = source.getLineAndCharacterOfPosition(node.getStart(source))
          problems.push(`${file.path}:${line + 1}: ${impurity} in src/core`)
        }
        ts.forEachChild(node, visit)
      }
      visit(source)
      return problems
    })
}

function describeImpurity(node: ts.Node): string | null {
  if (ts.isClassLike(node)) return 'a class'
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return 'an async function'
  if (ts.isAwaitExpression(node)) return 'await'
  if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') return 'Math.random'
  if (ts.isIdentifier(node) && impureNames.has(node.text) && !isMemberName(node)) return node.text
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return node.moduleSpecifier.text.startsWith('node:') ? node.moduleSpecifier.text : null
  }
  return null
}

/** `fact.process` and `{ process: … }` are names of ours, not the global. */
function isMemberName(node: ts.Identifier): boolean {
  const parent = node.parent
  return (
    (ts.isPropertyAccessExpression(parent) ||
      ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isMethodSignature(parent)) &&
    parent.name === node
  )
}

const lineLengthMax = 110

/** Length of a line without the texts in quotes, which no formatter can break. */
function lengthOf(line: string): number {
  return line.replace(/(['"`])(?:\\.|(?!\1).)*\1/g, '').length
}

export function checkText(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    file.text.split('\n').flatMap((line, index) => {
      const at = `${file.path}:${index + 1}`
      const leftover = /\b(FIXME|XXX)\b|\.only\(/.exec(line)?.[0]
      return [
        ...(lengthOf(line) > lineLengthMax ? [`${at}: longer than ${lineLengthMax}`] : []),
        ...(leftover === undefined ? [] : [`${at}: leftover ${leftover}`]),
      ]
    }),
  )
}

const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|config))?\.(ts|mjs|js)$/
const emptyNames = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'manager', 'types'])

export function checkFileNames(paths: readonly string[]): string[] {
  return paths.flatMap((file) => {
    const name = path.posix.basename(file)
    if (!kebabCase.test(name)) return [`${file}: file names are kebab-case`]
    const stem = name.slice(0, name.indexOf('.'))
    return emptyNames.has(stem) ? [`${file}: the name "${stem}" says nothing`] : []
  })
}

/** Words of other programs, and what we say instead. See STYLE.md. */
const foreignWords = new Map([
  ['master', 'primary'],
  ['slave', 'standby'],
  ['secondary', 'standby'],
  ['replica', 'standby'],
  ['dcs', 'store'],
  ['keeper', 'agent'],
  ['arbiter', 'witness'],
  ['suicide', 'self-fence'],
  ['xlog', 'WAL'],
])

/** Folders that speak the language of the programs whose files they write or read. */
const foreignPlaces = ['src/adapters', 'src/lint']

/** Places where the other program's word is the right one. */
const foreignWordsAllowed = [
  /\/replica\b/g,
  /wal_level\W+replica\b/g,
  // Of ip(8).
  / master(\?: string$|: bridge\b| \$\{bridge\})/g,
]

export function checkWords(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => isInPlace(file.path, 'src'))
    .filter((file) => !foreignPlaces.some((place) => isInPlace(file.path, place)))
    .flatMap((file) =>
      file.text.split('\n').flatMap((line, index) => {
        const rest = foreignWordsAllowed.reduce((text, allowed) => text.replace(allowed, ''), line)
        return wordsOf(rest).flatMap((word) => {
          const ours = foreignWords.get(word) ?? foreignWords.get(word.replace(/s$/, ''))
          if (ours === undefined) return []
          return [`${file.path}:${index + 1}: "${word}": we say ${ours}`]
        })
      }),
    )
}

/** Lower-case words of a line, with `camelCase` and `snake_case` taken apart. */
function wordsOf(line: string): string[] {
  return (line.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase())
}
