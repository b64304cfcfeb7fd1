// Who may import whom, as data. test/tidy.test.ts holds the real import graph against it and also
// fails on a row whose folder is gone. ARCHITECTURE.md shows the same table to people.

export interface Layer {
  /** Folder (with everything below it) or single file, from the root of the repository. */
  readonly place: string
  /** Other places it may import from; its own place always. */
  readonly mayImport: readonly string[] | 'everything'
  /** npm packages, by name. */
  readonly packages: readonly string[] | 'everything'
  /** Whether it may touch the outside world through Node's own modules. */
  readonly node: boolean
}

/** An adapter knows the seams and its own outside thing, never another adapter. */
function adapter(name: string, packages: readonly string[], extra: readonly string[] = []): Layer {
  return {
    place: `src/adapters/${name}`,
    mayImport: ['src/ports', 'src/core', 'src/host', 'src/lib', ...extra],
    // What comes from outside becomes a typed value by a strict schema, in any adapter.
    packages: ['zod', ...packages],
    node: true,
  }
}

function free(place: string): Layer {
  return { place, mayImport: 'everything', packages: 'everything', node: true }
}

export const layers: readonly Layer[] = [
  { place: 'src/lib', mayImport: [], packages: [], node: false },
  { place: 'src/core', mayImport: ['src/lib'], packages: [], node: false },
  { place: 'src/ports', mayImport: ['src/core', 'src/lib'], packages: [], node: false },
  // What the operating system gives and several adapters and programs share: durable files, the
  // process table, the monotonic clock. No domain.
  { place: 'src/host', mayImport: ['src/lib'], packages: [], node: true },
  {
    place: 'src/config',
    mayImport: ['src/core', 'src/lib'],
    packages: ['yaml', 'zod'],
    node: true,
  },

  adapter('etcd', []),
  adapter('postgres', ['pg', 'tinyexec']),
  adapter('guard', [], ['src/guard/protocol.ts']),
  adapter('haproxy', ['tinyexec']),
  adapter('keepalived', ['tinyexec']),
  adapter('http', ['prom-client']),
  adapter('system', ['pino']),

  // The guard program: tiny, so that nothing in it can fail. It speaks to the agent over a unix socket,
  // in the messages of protocol.ts, which is all that the agent's side may see of it.
  { place: 'src/guard/protocol.ts', mayImport: ['src/lib'], packages: [], node: false },
  {
    place: 'src/guard',
    mayImport: ['src/guard/protocol.ts', 'src/host', 'src/lib'],
    packages: [],
    node: true,
  },

  // No adapter and no Node module: the simulator runs this very code.
  {
    place: 'src/agent',
    mayImport: ['src/core', 'src/ports', 'src/lib'],
    packages: [],
    node: false,
  },
  {
    place: 'src/runtimes',
    mayImport: ['src/core', 'src/ports', 'src/config', 'src/host', 'src/lib'],
    packages: [],
    node: true,
  },
  {
    place: 'src/cli',
    mayImport: [
      ...[
        'src/core',
        'src/ports',
        'src/config',
        'src/agent',
        'src/runtimes',
        'src/lint',
        'src/lib',
      ],
    ],
    packages: ['@clack/prompts', 'commander', 'picocolors'],
    node: true,
  },
  // Reads other programs' files as text and judges them: pure, so that its tests need no files.
  { place: 'src/lint', mayImport: ['src/lib'], packages: ['yaml'], node: false },
  free('src/wiring.ts'),
  free('src/main.ts'),

  {
    place: 'sim',
    mayImport: ['src/core', 'src/agent', 'src/ports', 'src/lib'],
    packages: ['fast-check'],
    node: true,
  },
  free('bench'),
  free('scripts'),
  free('test'),
  free('vitest.config.ts'),
]

/** What a test beside its file may import on top of what the file may. */
export const testExtras = {
  mayImport: ['test/support', 'test/contract', 'sim'],
  packages: ['vitest', 'fast-check'],
} as const

/** Files that are started, not imported. Test files are added to them. */
export const programs: readonly string[] = [
  'src/main.ts',
  'src/guard/main.ts',
  'src/runtimes/lab/dialer-main.ts',
  'sim/main.ts',
  'bench/failover.ts',
  'bench/overhead.ts',
  'bench/soak.ts',
  'bench/store.ts',
  'bench/balancer-cost.ts',
  'bench/vip.ts',
  'test/support/guard-agent.ts',
  'test/support/member-agent.ts',
  'test/support/vip-host.ts',
  'scripts/build.ts',
  'scripts/generate-docs.ts',
  'vitest.config.ts',
]
