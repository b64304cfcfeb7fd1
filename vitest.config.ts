// Two projects: `unit` needs nothing but Node; `integration` runs real PostgreSQL, etcd and HAProxy
// and therefore one file at a time, so that files do not steal each other's processor time.
import { defineConfig } from 'vitest/config'

// Golden files show times of day; a worker thread cannot choose its own time zone.
process.env['TZ'] = 'UTC'

export default defineConfig({
  test: {
    teardownTimeout: 60_000,
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'sim/**/*.test.ts',
            'bench/**/*.test.ts',
            'scripts/**/*.test.ts',
            'test/*.test.ts',
            'test/contract/**/*.test.ts',
            'test/scenarios/**/*.test.ts',
          ],
          pool: 'threads',
          testTimeout: 20_000,
          hookTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
