import { describe, expect, test } from 'vitest'
import { UsageError, parseChoice, parseCount, parseNames, readOptions } from './options.ts'

const definitions = {
  trials: { value: '20', about: 'trials' },
  json: { value: '', about: 'file' },
}

describe('options of a bench', () => {
  test('given and left out → value and default', () => {
    const read = (...parameters: string[]) => readOptions('bench', definitions, parameters)
    expect(read()).toEqual({ trials: '20', json: '' })
    expect(read('--trials', '3', '--json=x.json')).toEqual({ trials: '3', json: 'x.json' })
  })

  test('unknown option, missing value, --help → usage', () => {
    for (const parameters of [['--trails', '3'], ['--json'], ['extra'], ['--help']]) {
      expect(() => readOptions('bench', definitions, parameters)).toThrow(UsageError)
    }
  })

  test('values → parsed or refused by name', () => {
    expect(parseCount('trials', '7')).toBe(7)
    expect(() => parseCount('trials', '0')).toThrow('--trials')
    expect(parseNames('faults', 'a, b', ['a', 'b', 'c'])).toEqual(['a', 'b'])
    expect(() => parseNames('faults', 'a,d', ['a', 'b'])).toThrow('there is no "d"')
    expect(parseChoice('plan', 'fast', ['fast', 'wan'])).toBe('fast')
  })
})
