import { expect, test } from 'vitest'
import { renderProgress } from './render-progress.ts'

const mb = 1024 * 1024

test.each([
  [
    'half way',
    3_000,
    12 * mb,
    24 * mb,
    'clone [#####-----] 50 %, 12 MB of 24 MB, 4.0 MB/s, 3.00 s left',
  ],
  ['too early for a rate', 500, mb, 24 * mb, 'clone [----------] 4 %, 1.0 MB of 24 MB'],
  ['of unknown size', 2_000, 12 * mb, null, 'clone 12 MB, 6.0 MB/s'],
  [
    'more than was announced',
    2_000,
    30 * mb,
    24 * mb,
    'clone [##########] 100 %, 30 MB of 24 MB, 15 MB/s',
  ],
  ['nothing known', 2_000, null, null, 'clone'],
  ['nothing to copy', 2_000, 0, 0, 'clone 0 B'],
])('%s', (_title, sinceMs, doneBytes, totalBytes, text) => {
  expect(renderProgress({ name: 'clone', sinceMs, doneBytes, totalBytes })).toBe(text)
})
