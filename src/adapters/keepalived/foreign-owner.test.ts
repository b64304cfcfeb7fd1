import { describe, expect, it } from 'vitest'
import { parseNeighbour } from './foreign-owner.ts'

describe('who answers for an address', () => {
  it.each([
    ['[{"dst":"10.0.0.1","dev":"eth0","lladdr":"02:00:00:00:00:01","state":["REACHABLE"]}]', true],
    ['[{"dst":"10.0.0.1","dev":"eth0","lladdr":"02:00:00:00:00:01","state":["STALE"]}]', false],
    ['[{"dst":"10.0.0.1","dev":"eth0","state":["INCOMPLETE"]}]', false],
    ['[]', false],
    ['', false],
  ])('%s', (text, isKnown) => {
    expect(parseNeighbour(text, ['REACHABLE'])).toBe(isKnown ? '02:00:00:00:00:01' : null)
  })

  it('an old answer counts where any does', () => {
    const text = '[{"lladdr":"02:00:00:00:00:01","state":["STALE"]}]'
    expect(parseNeighbour(text, null)).toBe('02:00:00:00:00:01')
  })
})
