import { describe, expect, test } from 'vitest'
import {
  healthyView,
  observationsWith,
  testLayout,
  type NodeChange,
} from '../../test/support/cluster-double.ts'
import { mergeStatus } from '../core/cluster-status.ts'
import { type WallClockMs, asEpoch } from '../core/names.ts'
import { renderStatus } from './render-status.ts'
import { columnsOf, createStyle, plainStyle, withoutEscapes } from './style.ts'

function merge(changes: Readonly<Record<string, NodeChange>>) {
  return mergeStatus(testLayout, observationsWith(changes))
}

const unicode = createStyle(false, true)
const stories: readonly (readonly [string, Readonly<Record<string, NodeChange>>])[] = [
  ['healthy', {}],
  [
    'degraded',
    {
      'pg-1': { silence: 'refused', process: 'stopped' },
      'pg-2': healthyView(
        'pg-2',
        { role: { ...healthyView('pg-2').role, isPrimary: true } },
        { isPrimary: true, epoch: asEpoch(2), state: 'running', upstream: null },
      ),
      'lb-0': { silence: 'timeout', process: 'running' },
    },
  ],
  [
    'no-primary',
    Object.fromEntries(
      testLayout.nodes.map(({ name }) => [
        name,
        name === 'pg-0'
          ? { silence: 'timeout', process: 'frozen' }
          : healthyView(name, {
              lease: { ...healthyView(name).lease!, remainingMs: 0 },
              control: {
                switchover: null,
                paused: { reason: 'switch firmware', sinceMs: 1_760_000_000_000 as WallClockMs },
              },
            }),
      ]),
    ),
  ],
  [
    'unreachable',
    Object.fromEntries(
      testLayout.nodes.map(({ name }) => [name, { silence: 'refused', process: 'running' }]),
    ),
  ],
]

describe.each(stories)('status, %s', (name, changes) => {
  test.each([60, 80, 120])('at %i columns: as in the golden file, nothing wider', async (width) => {
    const lines = renderStatus(merge(changes), width, unicode)
    expect(lines.filter((line) => columnsOf(line) > width)).toEqual([])
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`golden/status-${name}-${width}.txt`)
  })

  test('colour changes no letter', () => {
    const coloured = renderStatus(merge(changes), 100, createStyle(true, true))
    expect(coloured.map(withoutEscapes)).toEqual(renderStatus(merge(changes), 100, unicode))
  })

  test('without Unicode only ASCII is printed', () => {
    const text = renderStatus(merge(changes), 100, plainStyle).join('\n')
    expect(text).toMatch(/^[\n -~]*$/)
  })
})

test('in a pipe no column is left out', () => {
  const [, , title] = renderStatus(merge({}), Number.POSITIVE_INFINITY, plainStyle)
  expect(title).toContain('system 7412345678901234567')
  const table = renderStatus(merge({}), Number.POSITIVE_INFINITY, plainStyle)[4]
  expect(table?.split(/ +/)).toEqual([
    'ID',
    'Name',
    'Role',
    'Status',
    'Upstream',
    'Timeline',
    'LSN',
    'Lag',
    'Sync',
    'Address',
  ])
})
