import { describe, expect, it } from 'vitest'
import { clusterPathsOf, resolveHome } from './paths.ts'

describe('where clusters live', () => {
  it('PGHERD_HOME wins and must be absolute', () => {
    expect(resolveHome({ PGHERD_HOME: '/data//x/' })).toBe('/data/x/')
    expect(() => resolveHome({ PGHERD_HOME: 'data' })).toThrow(
      expect.objectContaining({ code: 'PGHERD_HOME_INVALID', exitCode: 3 }) as Error,
    )
  })

  it('without it: a folder that the database user can reach, or the data folder of the user', () => {
    const home = resolveHome({ HOME: '/home/me', PGHERD_HOME: '' })
    const isRoot = process.getuid?.() === 0
    expect(home).toBe(isRoot ? '/var/lib/pgherd' : '/home/me/.local/share/pgherd')
  })

  it('sockets lie with the cluster, or in a short place when their paths would be too long', () => {
    const near = clusterPathsOf('/var/lib/pgherd', 'main', ['pg-0'])
    expect(near.socketDirectory('pg-0')).toBe('/var/lib/pgherd/main/run/pg-0')
    const far = clusterPathsOf(`/${'x'.repeat(90)}`, 'main', ['pg-0'])
    expect(far.run).toMatch(/^\/tmp\/pgherd-[0-9a-f]{12}$/)
    expect(clusterPathsOf(`/${'x'.repeat(90)}`, 'main', ['pg-0']).run).toBe(far.run)
    expect(clusterPathsOf(`/${'x'.repeat(90)}`, 'other', ['pg-0']).run).not.toBe(far.run)
  })

  it('the limit is that of the kernel, for the longest name that a socket gets', () => {
    // /<n>/c/run/pg-0/.s.PGSQL.65535
    const fixed = '//c/run/pg-0/.s.PGSQL.65535'.length
    const fitting = clusterPathsOf(`/${'x'.repeat(107 - fixed)}`, 'c', ['pg-0'])
    expect(fitting.run).toContain('/c/run')
    expect(clusterPathsOf(`/${'x'.repeat(108 - fixed)}`, 'c', ['pg-0']).run).toMatch(/^\/tmp\//)
  })
})
