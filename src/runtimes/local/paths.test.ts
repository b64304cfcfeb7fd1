import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { clusterPathsOf, resolveHome } from './paths.ts'

describe('where clusters live', () => {
  it('PGHERD_HOME wins and must be absolute', () => {
    expect(resolveHome({ PGHERD_HOME: '/data//x/' })).toBe('/data/x')
    expect(() => resolveHome({ PGHERD_HOME: 'data' })).toThrow(
      expect.objectContaining({ code: 'PGHERD_HOME_INVALID', exitCode: 3 }) as Error,
    )
  })

  it('without it: a folder that the database user can reach, or the data folder of the user', () => {
    const home = resolveHome({ HOME: '/home/me', PGHERD_HOME: '' })
    const isRoot = process.getuid?.() === 0
    expect(home).toBe(isRoot ? '/var/lib/pgherd' : '/home/me/.local/share/pgherd')
  })

  describe('through a link it is the same home', () => {
    let folder = ''
    beforeEach(() => {
      folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'pgherd-paths-')))
      mkdirSync(path.join(folder, 'real'))
    })
    afterEach(() => rmSync(folder, { recursive: true, force: true }))
    const homeAt = (name: string) => resolveHome({ PGHERD_HOME: path.join(folder, name) })
    const link = (target: string, name: string) => symlinkSync(target, path.join(folder, name))

    it('whether it is there or not yet', () => {
      link('real', 'link')
      expect(homeAt('link')).toBe(path.join(folder, 'real'))
      expect(homeAt('link/clusters/of/mine')).toBe(path.join(folder, 'real/clusters/of/mine'))
    })

    it('where the link leads to what is not there yet', () => {
      link('later/on', 'link')
      link('link', 'second')
      const before = homeAt('second/clusters')
      mkdirSync(path.join(folder, 'later/on/clusters'), { recursive: true })
      expect(before).toBe(path.join(folder, 'later/on/clusters'))
      expect(homeAt('second/clusters')).toBe(before)
    })

    it('links that lead nowhere are refused', () => {
      link('two', 'one')
      link('one', 'two')
      expect(() => homeAt('one')).toThrow(
        expect.objectContaining({ code: 'PGHERD_HOME_INVALID', exitCode: 3 }) as Error,
      )
    })

    it('below a file there is nothing to follow: the use of it says so', () => {
      expect(resolveHome({ PGHERD_HOME: '/proc/version/x' })).toBe('/proc/version/x')
    })
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
