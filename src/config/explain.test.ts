import { describe, expect, it } from 'vitest'
import { closest } from './closest.ts'
import { explainSettings, knownKeysAt, specJsonSchema } from './explain.ts'

describe('explain', () => {
  it('every setting says what it is and what it accepts', () => {
    const settings = explainSettings()
    expect(settings.length).toBeGreaterThan(25)
    for (const setting of settings) {
      expect(setting.description, setting.path).not.toBe('')
      expect(setting.accepts, setting.path).not.toBe('a value')
      expect(setting.accepts, setting.path).not.toContain('undefined')
    }
  })

  it('shows range, unit and default', () => {
    expect(explainSettings().find((setting) => setting.path === 'wal.slotCapMb')).toMatchObject({
      accepts: 'a whole number from 64 to 16777216',
      unit: 'MiB',
      defaultText: '4096',
      isRequired: false,
    })
    expect(explainSettings().find((setting) => setting.path === 'nodes[].name')).toMatchObject({
      isRequired: true,
    })
  })

  it('knows the keys of each group', () => {
    expect(knownKeysAt([])).toContain('durability')
    expect(knownKeysAt(['nodes', 3])).toContain('noFailover')
    expect(knownKeysAt(['endpoints', 'write'])).toEqual(['host', 'port'])
    expect(knownKeysAt(['cluster'])).toEqual([])
  })

  it('the JSON Schema refuses unknown keys', () => {
    expect(specJsonSchema()).toMatchObject({ type: 'object', additionalProperties: false })
  })
})

describe('closest', () => {
  it.each([
    ['durabilty', 'durability'],
    ['fsat', 'fast'],
    ['SLOTCAPMB', 'slotCapMb'],
    ['xyz', null],
    ['', null],
  ])('%s → %s', (word, expected) => {
    expect(closest(word, ['durability', 'fast', 'slotCapMb', 'nodes'])).toBe(expected)
  })
})
