import { describe, expect, test } from 'vitest'
import type { Acknowledgement } from './attempt.ts'
import { measureOutage } from './outage.ts'

function acknowledged(endedAtMs: number, server = 'a:5510', startedAtMs = 1): Acknowledgement {
  return {
    client: 0,
    sequence: endedAtMs,
    sentAtMs: endedAtMs - 2,
    endedAtMs,
    outcome: 'acknowledged',
    reign: { server, timeline: server === 'a:5510' ? 1 : 2, startedAtMs },
    why: null,
  }
}

describe('outage', () => {
  test('another server takes over → from the fault to its first commit', () => {
    const acknowledgements = [
      acknowledged(90),
      acknowledged(600, 'a:5511'),
      acknowledged(610, 'a:5511'),
    ]
    expect(measureOutage(acknowledgements, 100, 620)).toEqual({
      outageMs: 500,
      restoredAtMs: 600,
      gapMs: 510,
      lateAcknowledgements: 0,
    })
  })

  test('survivors of the dead server go on committing → they are no service', () => {
    const acknowledgements = [
      acknowledged(90),
      acknowledged(150),
      acknowledged(200),
      acknowledged(700, 'a:5511'),
    ]
    expect(measureOutage(acknowledgements, 100, 710)).toMatchObject({
      outageMs: 600,
      gapMs: 500,
      lateAcknowledgements: 2,
    })
  })

  test('same server started again → a new reign', () => {
    const acknowledgements = [acknowledged(90), acknowledged(400, 'a:5510', 2)]
    expect(measureOutage(acknowledgements, 100, 410)).toMatchObject({ outageMs: 300 })
  })

  test('nothing changed → no outage, the longest pause all the same', () => {
    const acknowledgements = [90, 110, 160, 170].map((instant) => acknowledged(instant))
    expect(measureOutage(acknowledgements, 100, 175)).toEqual({
      outageMs: null,
      restoredAtMs: null,
      gapMs: 50,
      lateAcknowledgements: 0,
    })
  })

  test('silence to the end → counts as a gap', () => {
    expect(measureOutage([acknowledged(90)], 100, 1000)).toMatchObject({
      outageMs: null,
      gapMs: 910,
    })
  })

  test('nothing acknowledged before the fault → refused, nothing can be compared', () => {
    expect(() => measureOutage([acknowledged(200)], 100, 300)).toThrow(RangeError)
  })
})
