// Keeps the architecture: the real files against the import table, purity of the core, names and
// leftovers. The second half shows on small examples that every check is able to object.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { layers, programs, type Layer } from './layers.ts'
import {
  checkDeadFiles,
  checkFileNames,
  checkLayers,
  checkPurity,
  checkStaleLayers,
  checkText,
  checkUnusedPackages,
  checkWords,
  importsOf,
  type SourceFile,
} from './tidy.ts'

const root = path.resolve(import.meta.dirname, '..')
const folders = ['src', 'sim', 'test', 'bench', 'scripts']

function listPaths(): string[] {
  // A missing folder is reported as a stale row.
  return folders
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name))),
    )
    .map((file) => file.replaceAll(path.sep, '/'))
    .sort()
}

const paths = listPaths()
const files: SourceFile[] = [
  ...paths.filter((file) => file.endsWith('.ts')),
  'vitest.config.ts',
].map((file) => ({ path: file, text: readFileSync(path.join(root, file), 'utf8') }))
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}
const runtimePackages = Object.keys(manifest.dependencies)

// These two hold the very words and patterns that they look for.
const aboutTidy = ['test/tidy.ts', 'test/tidy.test.ts']

describe('this repository', () => {
  test('imports follow the table', () => {
    expect(checkLayers(files, layers)).toEqual([])
  })
  test('the table names only what exists', () => {
    const packages = [...runtimePackages, ...Object.keys(manifest.devDependencies)]
    expect(checkStaleLayers(files, layers, packages)).toEqual([])
  })
  test('every runtime package is used', () => {
    expect(checkUnusedPackages(files, runtimePackages)).toEqual([])
  })
  test('every file is reached by a program', () => {
    expect(checkDeadFiles(files, programs)).toEqual([])
  })
  test('the core is pure', () => {
    expect(checkPurity(files)).toEqual([])
  })
  test('no leftovers, no overlong lines', () => {
    expect(checkText(files.filter((file) => !aboutTidy.includes(file.path)))).toEqual([])
  })
  test('file names are kebab-case and say something', () => {
    expect(checkFileNames(paths.filter((file) => /\.(ts|mjs|js)$/.test(file)))).toEqual([])
  })
  test('one word per thing', () => {
    expect(checkWords(files)).toEqual([])
  })
})

function file(name: string, text: string): SourceFile {
  return { path: name, text }
}

describe('the checks can fail', () => {
  const core: Layer = { place: 'src/core', mayImport: ['src/lib'], packages: [], node: false }
  const lib: Layer = { place: 'src/lib', mayImport: [], packages: [], node: false }
  const etcd: Layer = {
    place: 'src/adapters/etcd',
    mayImport: ['src/core'],
    packages: ['pg'],
    node: true,
  }
  const haproxy: Layer = { ...etcd, place: 'src/adapters/haproxy' }
  const table = [core, lib, etcd, haproxy]

  test('imports: every form of import is seen', () => {
    const text = [
      "import { a } from './a.ts'",
      "import type { B } from './b.ts'",
      "export { c } from './c.ts'",
      "const d = await import('./d.ts')",
      "new Worker(new URL('./e.ts', import.meta.url))",
    ].join('\n')
    expect(importsOf(file('src/x.ts', text)).sort()).toEqual([
      './a.ts',
      './b.ts',
      './c.ts',
      './d.ts',
      './e.ts',
    ])
  })

  test.each([
    ['core imports an adapter', 'src/core/a.ts', "import '../adapters/etcd/b.ts'"],
    [
      'core imports the type of an adapter',
      'src/core/a.ts',
      "import type { B } from '../ports/b.ts'",
    ],
    ['core imports a Node module', 'src/core/a.ts', "import 'node:fs'"],
    ['core imports a package', 'src/core/a.ts', "import 'pg'"],
    ['an adapter imports another', 'src/adapters/etcd/a.ts', "import '../haproxy/b.ts'"],
    ['an adapter imports the package of another', 'src/adapters/etcd/a.ts', "import 'zod/mini'"],
    ['a file without a layer', 'src/new/a.ts', ''],
    ['a test imports an adapter', 'src/core/a.test.ts', "import '../adapters/etcd/b.ts'"],
  ])('layers: %s → refused', (_title, name, text) => {
    expect(checkLayers([file(name, text)], table)).toHaveLength(1)
  })

  test('layers: allowed imports → no objection', () => {
    const allowed = [
      file('src/core/a.ts', "import '../lib/b.ts'\nimport './c.ts'"),
      file(
        'src/core/a.test.ts',
        "import 'vitest'\nimport '../../test/support/x.ts'\nimport 'node:fs'",
      ),
      file(
        'src/adapters/etcd/a.ts',
        "import 'node:net'\nimport 'pg/lib/x'\nimport '../../core/a.ts'",
      ),
    ]
    expect(checkLayers(allowed, table)).toEqual([])
  })

  test('stale rows: folder gone, unknown place, unknown package → each named', () => {
    const stale: Layer = { ...core, mayImport: ['src/gone'], packages: ['left-pad'] }
    expect(checkStaleLayers([file('src/lib/a.ts', '')], [stale, lib], ['pg'])).toEqual([
      'test/layers.ts: src/core has no file any more',
      'test/layers.ts: src/core names src/gone, which is no row',
      'test/layers.ts: src/core names left-pad, which is not installed',
    ])
  })

  test('packages: used only by a test → unused', () => {
    const users = [
      file('src/a.ts', "import '@clack/prompts'"),
      file('src/a.test.ts', "import 'pg'"),
    ]
    expect(checkUnusedPackages(users, ['@clack/prompts', 'pg'])).toEqual([
      'package.json: nothing under src imports pg',
    ])
  })

  test('dead files: unreached, reached only by a test, missing program → each named', () => {
    const graph = [
      file('src/main.ts', "import './used.ts'"),
      file('src/used.ts', ''),
      file('src/dead.ts', "import './used.ts'"),
      file('src/tested.ts', ''),
      file('src/tested.test.ts', "import './tested.ts'\nimport '../test/support/x.ts'"),
      file('test/support/x.ts', ''),
    ]
    expect(checkDeadFiles(graph, ['src/main.ts', 'src/gone.ts'])).toEqual([
      'src/dead.ts: nobody imports it',
      'src/tested.ts: only tests import it',
      'src/gone.ts: does not exist',
    ])
  })

  test.each([
    ['const now = Date.now()', 'Date'],
    ['const t: Date | null = null', 'Date'],
    ['const r = Math.random()', 'Math.random'],
    ['setTimeout(() => 1, 5)', 'setTimeout'],
    ['async function f() {}', 'an async function'],
    ['const f = async () => 1', 'an async function'],
    ['type P = Promise<void>', 'Promise'],
    ['class C {}', 'a class'],
    ["import { x } from 'node:fs'", 'node:fs'],
    ['process.exit(1)', 'process'],
    ["console.log('x')", 'console'],
  ])('purity: %s → refused', (text, impurity) => {
    const problem = `src/core/a.ts:1: ${impurity} in src/core`
    expect(checkPurity([file('src/core/a.ts', text)])).toContain(problem)
  })

  test('purity: names of members, comments and strings → no objection', () => {
    const text =
      "// Date\nconst s = 'Promise'\ninterface F { process: number }\nconst p = f.process"
    expect(checkPurity([file('src/core/a.ts', text)])).toEqual([])
    expect(checkPurity([file('src/agent/a.ts', 'Date.now()')])).toEqual([])
  })

  test.each(['// FIXME later', '// XXX', "test.only('a')", `// ${'x'.repeat(120)}`])(
    'text: %s → refused',
    (text) => {
      expect(checkText([file('src/a.ts', text)])).toHaveLength(1)
    },
  )

  test('text: long only because of a text in quotes → no objection', () => {
    expect(checkText([file('src/a.ts', `  why: 'it\\'s ${'x'.repeat(120)}',`)])).toEqual([])
  })

  test.each(['src/syncQuorum.ts', 'src/Sync.ts', 'src/sync_quorum.ts', 'src/utils.ts'])(
    'file names: %s → refused',
    (name) => {
      expect(checkFileNames([name])).toHaveLength(1)
    },
  )

  test('file names: usual forms → no objection', () => {
    const names = ['src/sync-quorum.ts', 'src/lsn.test.ts', 'vitest.config.ts', 'scripts/a-b.mjs']
    expect(checkFileNames(names)).toEqual([])
  })

  test.each(['const isMaster = 1', '// the slaves', 'replicaCount', 'XLOG_DIR', "'secondary'"])(
    'words: %s → refused',
    (text) => {
      expect(checkWords([file('src/core/a.ts', text)])).toHaveLength(1)
    },
  )

  test('words: allowed uses → no objection', () => {
    const text = "postmaster, replication, '/replica', wal_level = replica, housekeeper"
    expect(checkWords([file('src/agent/a.ts', text)])).toEqual([])
    expect(checkWords([file('src/adapters/haproxy/a.ts', 'master socket')])).toEqual([])
  })
})
