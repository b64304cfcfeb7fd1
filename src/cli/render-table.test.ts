import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { renderTable, wrap } from './render-table.ts'
import { columnsOf, createStyle, plainStyle } from './style.ts'

const columns = [
  { title: 'ID', dropOrder: 1 },
  { title: 'Name' },
  { title: 'Timeline', shortTitle: 'TL', align: 'right' },
  { title: 'Address', dropOrder: 2 },
] as const
const rows = [
  ['1000', 'pg-0', '12', '127.0.0.1:5510'],
  ['1001', 'a-longer-name', '1', '127.0.0.1:5511'],
]

function draw(width: number): string {
  return renderTable(columns, rows, width, plainStyle).join('\n')
}

describe('a table gives way step by step', () => {
  test('room enough: everything', () => {
    expect(draw(80)).toMatchInlineSnapshot(`
      "ID    Name           Timeline  Address
      ----  -------------  --------  --------------
      1000  pg-0                 12  127.0.0.1:5510
      1001  a-longer-name         1  127.0.0.1:5511"
    `)
  })
  test('first the long title', () => {
    expect(draw(40)).toMatchInlineSnapshot(`
      "ID    Name           TL  Address
      ----  -------------  --  --------------
      1000  pg-0           12  127.0.0.1:5510
      1001  a-longer-name   1  127.0.0.1:5511"
    `)
  })
  test('then the gaps, then the dispensable columns', () => {
    expect(draw(37).split('\n')[0]).toBe('ID   Name          TL Address')
    expect(draw(35).split('\n')[0]).toBe('Name           TL  Address')
    expect(draw(20).split('\n')[0]).toBe('Name           TL')
  })
})

test('no line is wider than the terminal, whatever the cells', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string(), fc.string(), fc.string(), fc.string()), { maxLength: 5 }),
      fc.integer({ min: 10, max: 120 }),
      (cells, width) => {
        const clean = cells.map((row) => row.map((cell) => cell.replaceAll(/\s/g, ' ')))
        const lines = renderTable(columns, clean, width, createStyle(true, true))
        expect(lines).toHaveLength(clean.length + 2)
        for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(width)
      },
    ),
  )
})

test('colour does not move a column', () => {
  const style = createStyle(true, true)
  const [, , plain] = renderTable([{ title: 'A' }, { title: 'B' }], [['x', 'y']], 80, style)
  const [, , red] = renderTable(
    [{ title: 'A' }, { title: 'B' }],
    [[style.bad('x'), 'y']],
    80,
    style,
  )
  expect(columnsOf(red ?? '')).toBe(columnsOf(plain ?? ''))
})

describe('wrap', () => {
  test('breaks at blanks and indents what follows', () => {
    expect(wrap('one two three four', 9, '  ')).toEqual(['one two', '  three', '  four'])
  })
  test('leaves a word that is too long in one piece', () => {
    expect(wrap('a 127.0.0.1:5510/x b', 6)).toEqual(['a', '127.0.0.1:5510/x', 'b'])
  })
})
