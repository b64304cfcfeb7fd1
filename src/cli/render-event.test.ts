import { describe, expect, test } from 'vitest'
import { makeEvent } from '../../test/support/cluster-double.ts'
import { type WallClockMs, asEpoch, asMonotonic, asNodeName } from '../core/names.ts'
import { type Rule, rules } from '../core/rules.ts'
import { explainEvent, renderExplanation } from './explain-event.ts'
import { renderEvent, renderOperands } from './render-event.ts'
import { columnsOf, createStyle, plainStyle } from './style.ts'

const unicode = createStyle(false, true)
const startMs = Date.UTC(2026, 2, 9, 14, 3, 7, 512)

const rule: Rule = {
  id: 'R900',
  section: 'free lease',
  when: { lease: 'free', turn: 'now', server: ['was-standby', 'standby'] },
  decision: 'acquire-lease',
  why: 'The lease was not renewed for its whole time, so its holder has stopped: this node takes it.',
}

/** A failover from pg-0 to pg-1, as the agents journal it. */
const story = [
  makeEvent({
    id: 'pg-0-aaaa-7',
    kind: 'opened',
    node: asNodeName('pg-0'),
    epoch: asEpoch(3),
    message: 'pg-0 is open for writes; commits wait for 1 of pg-1, pg-2.',
    atMs: (startMs - 3_600_000) as WallClockMs,
  }),
  makeEvent({
    id: 'pg-1-bbbb-1',
    kind: 'lease-acquired',
    epoch: asEpoch(4),
    ruleId: 'R900',
    message: 'pg-1 takes the lease: pg-0 was silent for 1.26 s.',
    operands: { formerHolder: 'pg-0', formerState: 'serving', silentMs: 1260 },
    atMs: startMs as WallClockMs,
    atMonotonicMs: asMonotonic(10_000),
  }),
  makeEvent({
    id: 'pg-2-cccc-4',
    kind: 'sealed',
    node: asNodeName('pg-2'),
    epoch: asEpoch(4),
    message: 'pg-2 promised epoch 4.',
    atMs: (startMs + 40) as WallClockMs,
    atMonotonicMs: asMonotonic(900_000),
  }),
  makeEvent({
    id: 'pg-1-bbbb-2',
    kind: 'promoted',
    epoch: asEpoch(4),
    message: 'pg-1 was promoted to timeline 3.',
    operands: { tookMs: 118, timeline: 3 },
    // The wall clock was set back by NTP in between; the monotonic one knows better.
    atMs: (startMs + 100) as WallClockMs,
    atMonotonicMs: asMonotonic(10_310),
  }),
]

describe('one event', () => {
  test('time, node, sentence, id', () => {
    expect(renderEvent(story[1]!, 120, unicode)).toEqual([
      '14:03:07.512 · pg-1   takes the lease: pg-0 was silent for 1.26 s. [pg-1-bbbb-1]',
    ])
  })

  test('at 80 columns the sentence goes on below itself', () => {
    const lines = renderEvent(story[0]!, 80, unicode)
    expect(lines).toEqual([
      '13:03:07.512 ✔ pg-0   is open for writes; commits wait for 1 of pg-1, pg-2.',
      '                      [pg-0-aaaa-7]',
    ])
    for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(80)
  })

  test('a message that wants to steer the terminal stays on its line', () => {
    const nasty = makeEvent({ message: 'pg-1: \u001b[2Jgone\nsecond line' })
    expect(renderEvent(nasty, 200, plainStyle)).toHaveLength(1)
    expect(renderEvent(nasty, 200, plainStyle)[0]).not.toContain('\u001b')
  })

  test('a kind that this version does not know is shown all the same', () => {
    const unknown = makeEvent({ kind: 'teleported' as never, message: 'pg-1 is elsewhere.' })
    expect(renderEvent(unknown, 200, plainStyle)[0]).toContain('is elsewhere.')
  })
})

test('operands: units by name, nesting by indentation, unknown said in a word', () => {
  const operands = {
    silentMs: 1260,
    flushLsn: 0x3000148,
    lagBytes: 2048,
    isListed: true,
    formerHolder: null,
    lists: [{ count: 1, members: ['pg-1', 'pg-2'] }],
    missing: [],
    answers: { 'pg-2': 'sealed at timeline 2, 0/3000148' },
  }
  expect(renderOperands(operands, '  ')).toEqual([
    '  silentMs: 1.26 s',
    '  flushLsn: 0/3000148',
    '  lagBytes: 2.0 kB',
    '  isListed: yes',
    '  formerHolder: unknown',
    '  lists:',
    '    - count: 1',
    '      members: pg-1, pg-2',
    '  missing: none',
    '  answers:',
    '    pg-2: sealed at timeline 2, 0/3000148',
  ])
})

describe('why', () => {
  test('the story around an event, and not what happened an hour before', () => {
    const explanation = explainEvent(story, 'pg-1-bbbb-1')
    expect(explanation?.steps.map((step) => [step.event.id, step.offsetMs])).toEqual([
      ['pg-1-bbbb-1', 0],
      ['pg-2-cccc-4', 40],
      ['pg-1-bbbb-2', 310],
    ])
  })

  test('an unknown id is null', () => {
    expect(explainEvent(story, 'pg-9-0000-1')).toBeNull()
  })

  test('the rule is spelled out from the table; one that is not in it is said so', () => {
    const [first] = rules
    const explained = explainEvent([makeEvent({ id: 'x', ruleId: first?.id ?? null })], 'x')
    expect(explained?.rule?.why).toBe(first?.why)
    const unknown = explainEvent([makeEvent({ id: 'x', ruleId: 'R9999' })], 'x')
    expect(renderExplanation(unknown!, 80, plainStyle).join('\n')).toContain(
      'R9999 (this version of pgherd has no such rule)',
    )
  })

  test('at 80 columns, as in the golden file', async () => {
    const lines = renderExplanation(explainEvent(story, 'pg-1-bbbb-1', [rule])!, 80, unicode)
    expect(lines.filter((line) => columnsOf(line) > 80)).toEqual([])
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('golden/why-80.txt')
  })
})

test('render event: a sentence about pg-10 in an event of pg-1 keeps the whole name', () => {
  const event = makeEvent({ node: asNodeName('pg-1'), message: 'pg-10 was dropped from the list.' })
  expect(renderEvent(event, 120, plainStyle)[0]).toContain('pg-10 was dropped')
})
