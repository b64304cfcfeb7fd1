import { describe, expect, it } from 'vitest'
import { SimRandom } from './random.ts'
import { SimProcess, Simulator } from './simulator.ts'

function worldOf(): { simulator: Simulator; process: SimProcess; seen: string[] } {
  const simulator = new Simulator()
  const process = new SimProcess(simulator, 'p', { runsPromises: true })
  return { simulator, process, seen: [] }
}

describe('events', () => {
  it('happen in the order of their instants, equal ones as they were scheduled', async () => {
    const { simulator, seen } = worldOf()
    simulator.schedule(20, () => seen.push('c'))
    simulator.schedule(10, () => seen.push('a'))
    simulator.schedule(10, () => seen.push('b'))
    simulator.schedule(30, () => seen.push('late'))
    await simulator.runUntil(25)
    expect(seen).toEqual(['a', 'b', 'c'])
    expect(simulator.nowMs).toBe(25)
  })

  it('thousands in any order → sorted by time', async () => {
    const { simulator } = worldOf()
    const random = SimRandom.ofSeed(3)
    const times: number[] = []
    for (let count = 0; count < 5000; count++) {
      const atMs = random.below(1000)
      simulator.schedule(atMs, () => times.push(simulator.nowMs))
    }
    await simulator.runUntil(1000)
    expect(times).toHaveLength(5000)
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  it('what an event throws → rejects the run', async () => {
    const { simulator } = worldOf()
    simulator.schedule(1, () => {
      throw new RangeError('broken')
    })
    await expect(simulator.runUntil(10)).rejects.toThrow('broken')
  })
})

describe('promise jobs', () => {
  it('a long chain ends before the next event, however long it is', async () => {
    const { simulator, process, seen } = worldOf()
    const think = async (name: string, hops: number): Promise<void> => {
      for (let hop = 0; hop < hops; hop++) await Promise.resolve()
      seen.push(name)
    }
    process.schedule(1, () => void think('first', 5000))
    process.schedule(1, () => void think('second', 1))
    simulator.schedule(1, () => seen.push('third'))
    await simulator.runUntil(2)
    expect(seen).toEqual(['first', 'second', 'third'])
  })

  it('sleeping code wakes at its instant', async () => {
    const { simulator, process } = worldOf()
    const wakes: number[] = []
    const loop = async (): Promise<void> => {
      for (let turn = 0; turn < 3; turn++) {
        await process.sleep(100)
        wakes.push(simulator.nowMs)
      }
    }
    process.schedule(0, () => void loop())
    await simulator.runUntil(1000)
    expect(wakes).toEqual([100, 200, 300])
  })

  it('an aborted sleep ends at once', async () => {
    const { simulator, process } = worldOf()
    const stopper = new AbortController()
    let wokeAtMs = -1
    process.schedule(0, () => {
      void process.sleep(1000, stopper.signal).then(() => {
        wokeAtMs = simulator.nowMs
      })
    })
    process.schedule(10, () => stopper.abort())
    await simulator.runUntil(2000)
    expect(wokeAtMs).toBe(10)
  })
})

describe('processes', () => {
  it('frozen → its events wait, and happen in their order when it wakes', async () => {
    const { simulator, process, seen } = worldOf()
    process.schedule(10, () => seen.push('a'))
    process.schedule(20, () => seen.push('b'))
    simulator.schedule(5, () => process.freeze())
    simulator.schedule(15, () => seen.push('other'))
    simulator.schedule(50, () => process.thaw())
    await simulator.runUntil(49)
    expect(seen).toEqual(['other'])
    expect(process.frozenSinceMs).toBe(5)
    await simulator.runUntil(60)
    expect(seen).toEqual(['other', 'a', 'b'])
  })

  it('killed → nothing of it happens any more, and listeners are told once', async () => {
    const { simulator, process, seen } = worldOf()
    process.onDeath(() => seen.push('dead'))
    process.schedule(10, () => seen.push('never'))
    simulator.schedule(5, () => process.kill())
    simulator.schedule(6, () => process.kill())
    await simulator.runUntil(20)
    expect(seen).toEqual(['dead'])
  })
})

describe('randomness', () => {
  it('the same seed and purpose → the same numbers; anything else → others', () => {
    const draw = (random: SimRandom): number[] => Array.from({ length: 5 }, () => random.next())
    const first = draw(SimRandom.ofSeed(1).split('network'))
    expect(draw(SimRandom.ofSeed(1).split('network'))).toEqual(first)
    expect(draw(SimRandom.ofSeed(1).split('faults'))).not.toEqual(first)
    expect(draw(SimRandom.ofSeed(2).split('network'))).not.toEqual(first)
  })

  it('one purpose draws more → the others are not shifted', () => {
    const root = SimRandom.ofSeed(9)
    const before = root.split('faults').next()
    for (let count = 0; count < 100; count++) root.next()
    expect(root.split('faults').next()).toBe(before)
  })

  it('uniform enough', () => {
    const random = SimRandom.ofSeed(4)
    const counts = new Array<number>(10).fill(0)
    for (let count = 0; count < 20_000; count++) {
      const bucket = random.below(10)
      counts[bucket] = (counts[bucket] ?? 0) + 1
    }
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200)
  })
})
