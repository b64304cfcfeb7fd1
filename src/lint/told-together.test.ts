import { expect, test } from 'vitest'
import { toldTogether } from './told-together.ts'

/** What is joined, as `a/x:1 b/x:1`, of places with what is wrong there. */
function joined(...placed: readonly (readonly [place: string, same: string])[]): readonly string[] {
  const things = placed.map(([place, same]) => {
    const [file = '', line] = place.split(':')
    return { same, places: [{ file, line: Number(line) }] }
  })
  return toldTogether(things, ({ same }) => same).map(({ places }) =>
    places.map(({ file, line }) => `${file}:${String(line)}`).join(' '),
  )
}

test('alike in files of one name: one finding with their places', () => {
  expect(joined(['a/x:1', 'one'], ['a/x:2', 'two'], ['b/x:7', 'one'])).toEqual([
    'a/x:1 b/x:7',
    'a/x:2',
  ])
})

test('files of other names: each for itself', () => {
  expect(joined(['a/x:1', 'one'], ['a/y:1', 'one'])).toEqual(['a/x:1', 'a/y:1'])
})

test('twice in one file: never joined there, each with its counterpart', () => {
  expect(joined(['a/x:1', 'one'], ['a/x:5', 'one'], ['b/x:2', 'one'])).toEqual([
    'a/x:1 b/x:2',
    'a/x:5',
  ])
})
