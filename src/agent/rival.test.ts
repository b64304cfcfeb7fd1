import { expect, test } from 'vitest'
import { report } from '../../test/support/facts.ts'
import { asMonotonic } from '../core/names.ts'
import type { NodeReport } from '../core/node-report.ts'
import type { Versioned } from '../core/store-view.ts'
import { RivalWatch } from './rival.ts'

const by = (run: string, revision: number): Versioned<NodeReport> => ({
  value: report('pg-1', { agent: { run, rival: null } }),
  revision,
})

test('the report of a former agent, and one that it sent last, is no rival', () => {
  const watch = new RivalWatch('mine')
  watch.look(by('former', 7), asMonotonic(0))
  watch.published(by('former', 7))
  watch.look(by('former', 7), asMonotonic(1))
  watch.look(by('former', 9), asMonotonic(2))
  watch.look(by('former', 9), asMonotonic(3))
  watch.look({ value: report('pg-1'), revision: 10 }, asMonotonic(4))
  expect(watch.rival()).toBeNull()
})

test('an agent that publishes over ours twice is one, until it is silent', () => {
  const watch = new RivalWatch('mine')
  watch.published(undefined)
  watch.look(by('other', 5), asMonotonic(1000))
  watch.look(by('mine', 6), asMonotonic(2000))
  expect(watch.rival()).toBeNull()
  watch.look(by('other', 7), asMonotonic(3000))
  expect(watch.rival()).toBe('other')
  watch.look(by('mine', 8), asMonotonic(17_000))
  expect(watch.rival()).toBe('other')
  watch.look(by('mine', 9), asMonotonic(18_001))
  expect(watch.rival()).toBeNull()
})

test('two former agents, of each of which something arrives late, are none', () => {
  const watch = new RivalWatch('mine')
  watch.published(undefined)
  watch.look(by('first', 5), asMonotonic(1))
  watch.look(by('second', 6), asMonotonic(2))
  expect(watch.rival()).toBeNull()
})
