// Stories about people in the store: a record is deleted, overwritten with rubbish or with the largest
// numbers, and then the primary dies.

import type { RecordKey } from '../../src/core/store-view.ts'
import type { Scenario, Stage } from '../scenario.ts'
import { poisonKinds } from '../store/store-model.ts'

/** Less than what is left of the story, so that what never comes is noticed. */
const withinMs = 5000

/** Each telling does one of the three things to `key`. */
function poison(stage: Stage, key: RecordKey): void {
  const kind = stage.random.pick(poisonKinds)
  stage.say(`the record ${key} is ${kind}`)
  stage.world.storeModel.poison(key, kind)
}

function poisonThenFailover(key: 'lease' | 'sync' | 'cluster'): Scenario {
  return {
    name: `the ${key} record is poisoned, the primary lives`,
    about: `Its owner writes the ${key} record again; then it dies, and a standby takes over.`,
    topology: 'three',
    untilMs: 25_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a } = await stage.settled()
      const { storeModel } = stage.world
      await stage.committed(a)
      poison(stage, key)
      await stage.until(`the ${key} record is back`, () => storeModel.isWhole(key), withinMs)
      if (stage.serving() !== a) throw new Error(`${a.name} went on serving`)
      await stage.committed(a)
      stage.down(a)
      await stage.until('another node serves', () => ![null, a].includes(stage.serving()), withinMs)
    },
  }
}

export const poisonedRecordScenarios: readonly Scenario[] = [
  poisonThenFailover('lease'),
  poisonThenFailover('sync'),
  poisonThenFailover('cluster'),
  {
    name: 'the sync record is poisoned, the primary is dead',
    about: 'Nobody can prove anything: no standby is promoted until the record is recovered.',
    topology: 'three',
    untilMs: 25_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a, b, c } = await stage.settled()
      await stage.committed(a)
      stage.down(a)
      poison(stage, 'sync')
      for (let count = 0; count < 400; count++) {
        if ([b, c].some((node) => node.server?.role === 'primary')) throw new Error('promoted')
        await stage.wait(20)
      }
      stage.say('an operator recovers the record')
      stage.world.storeModel.recover('sync')
      await stage.until('another node serves', () => stage.serving() !== null, withinMs)
    },
  },
  {
    name: 'the lease is poisoned, the primary is dead',
    about: 'It is free when its place was unchanged for its time, and epochs go on upwards.',
    topology: 'three',
    untilMs: 25_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a } = await stage.settled()
      await stage.committed(a)
      stage.down(a)
      poison(stage, 'lease')
      await stage.until('another node serves', () => ![null, a].includes(stage.serving()), withinMs)
    },
  },
  {
    name: 'the control record is poisoned',
    about: 'Nothing is asked for any more; the next request of an operator replaces it.',
    topology: 'three',
    untilMs: 25_000,
    isDemanded: true,
    tell: async (stage) => {
      const { a } = await stage.settled()
      const { storeModel } = stage.world
      const ask = async (): Promise<void> => {
        await a.running?.agent.requestPause('maintenance')
      }
      await ask()
      poison(stage, 'control')
      await stage.wait(200)
      await ask()
      await stage.until('the pause is recorded', () => storeModel.isWhole('control'), withinMs)
      if (stage.serving() !== a) throw new Error(`${a.name} went on serving`)
    },
  },
]
