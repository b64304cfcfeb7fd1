import { expect, test } from 'vitest'
import { createLineParser, renderLine } from './protocol.ts'

test('messages survive being cut anywhere', () => {
  const messages = [
    { type: 'extend', stopByMs: 12.5 },
    { type: 'refusal', id: 3, why: 'line\nbreak “ü”' },
  ] as const
  const text = messages.map(renderLine).join('')
  for (let cut = 0; cut <= text.length; cut += 1) {
    const parse = createLineParser()
    expect([...parse(text.slice(0, cut)), ...parse(text.slice(cut))]).toEqual(messages)
  }
})

test('nonsense and lines without end are refused', () => {
  expect(() => createLineParser()('not json\n')).toThrow(SyntaxError)
  expect(() => createLineParser()('x'.repeat(300_000))).toThrow(RangeError)
})
