// Bundles the program into dist/: pgherd.mjs (agent and CLI), guard.mjs (the guard process, which
// must stay tiny because one of it lives beside every PostgreSQL) and dialer.mjs (the helper of
// commands on the client host of a lab). They are built in a scratch folder and renamed into
// place, so that a running command never reads half a file.
import { build } from 'esbuild'
import { mkdtemp, mkdir, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const dist = path.join(root, 'dist')

// CommonJS dependencies call require(), which an ES module does not have.
const requireBanner =
  "import { createRequire as pgherdCreateRequire } from 'node:module';" +
  'const require = pgherdCreateRequire(import.meta.url);'

await mkdir(dist, { recursive: true })
const scratch = await mkdtemp(path.join(dist, '.build-'))
try {
  const result = await build({
    absWorkingDir: root,
    entryPoints: {
      pgherd: 'src/main.ts',
      guard: 'src/guard/main.ts',
      dialer: 'src/runtimes/lab/dialer-main.ts',
    },
    outdir: scratch,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['pg-native'],
    // pg asks for `Response` to find out whether it runs at Cloudflare, and Node then loads its whole HTTP
    // client: a fifth of the time that an agent takes to start, and memory for nothing.
    define: { Response: 'undefined' },
    banner: { js: requireBanner },
    sourcemap: true,
    sourcesContent: false,
    keepNames: true,
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  })
  // Source maps first: the presence of the .mjs files is what says "built".
  const files = await readdir(scratch)
  for (const name of files.sort((a, b) => b.length - a.length)) {
    await rename(path.join(scratch, name), path.join(dist, name))
  }
  if (!process.argv.includes('--quiet')) {
    for (const [file, output] of Object.entries(result.metafile.outputs)) {
      if (!file.endsWith('.mjs')) continue
      console.log(`dist/${path.basename(file)}  ${Math.ceil(output.bytes / 1024)} kB`)
    }
  }
} catch (error) {
  // esbuild has already printed what is wrong with which file.
  if (!(error instanceof Error && 'errors' in error)) throw error
  process.exitCode = 1
} finally {
  await rm(scratch, { recursive: true, force: true })
}
