import { describe, expect, it } from 'vitest'
import { asNodeName } from '../../core/names.ts'
import type { ClusterName } from '../../core/names.ts'
import type { KeyRange } from './keys.ts'
import { keysOf, singleKeys } from './keys.ts'

const keys = keysOf('app' as ClusterName)
const isIn = (key: string, range: KeyRange): boolean => key >= range.start && key < range.end
const isInView = (key: string): boolean => keys.view.some((range) => isIn(key, range))

describe('keys', () => {
  it('parse → what was rendered', () => {
    for (const key of singleKeys) {
      expect(keys.parse(keys.single(key))).toEqual({ kind: 'single', key })
    }
    const node = asNodeName('pg-0')
    expect(keys.parse(keys.report(node))).toEqual({ kind: 'report', node })
    expect(keys.parse(keys.event('pg-0-1-1'))).toEqual({ kind: 'other' })
  })

  it('the view → holds all records once, and no event', () => {
    for (const key of [...singleKeys.map(keys.single), keys.report(asNodeName('zz'))]) {
      expect(keys.view.filter((range) => isIn(key, range))).toHaveLength(1)
    }
    expect(isInView(keys.event('a'))).toBe(false)
    expect(isIn(keys.event('a'), keys.events)).toBe(true)
    expect(isIn(keys.event('a'), keys.everything)).toBe(true)
  })

  it('another cluster, also one whose name begins alike → is in no range', () => {
    for (const name of ['ap', 'app2', 'app-2', 'app.x', 'other']) {
      const other = keysOf(name as ClusterName)
      for (const key of [other.single('lease'), other.event('a')]) {
        expect(isIn(key, keys.everything), key).toBe(false)
        expect(keys.parse(key)).toEqual({ kind: 'other' })
      }
    }
  })
})
