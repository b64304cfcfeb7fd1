// L2xx: whether the address moves when HAProxy fails, and stays otherwise.

import { perInstance, perInstancePair, perKeepalivedFile, perMember } from '../../frames.ts'
import type { Tracker, VrrpInstance } from '../../parse-keepalived.ts'
import { type Rule, faultAt, listed } from '../../rule.ts'

/** The highest priority is kept for the owner of the address. */
const priorityMax = 254

export const keepalivedFailoverRules: readonly Rule[] = [
  {
    id: 'L201',
    severity: 'error',
    title: 'a failed check does not move the address',
    why: 'The weight is smaller than the distance of the priorities: the address stays on the dead balancer.',
    fix: 'weight 0 in the vrrp_script: a failure then takes the instance out, whatever the priorities are',
    check: perInstancePair(({ first, second }) => {
      const [high, low] = [first.instance.priority.value, second.instance.priority.value]
      if (high === null || low === null) return []
      return first.instance.trackers
        .filter(({ kind, weight }) => kind !== 'file' && weight !== 0)
        .flatMap((tracker) => {
          const failed = priorityOf(first.instance, high, tracker)
          const other = priorityOf(second.instance, low, null)
          if (failed < other) return []
          return [
            faultAt(
              tracker.weightPlace,
              `${tracker.kind} ${tracker.name} has weight ${tracker.weight}, the priorities are ` +
                `${high} and ${low}: when it fails, ` +
                `${failed} here still beats ${other} of ${second.file.file}`,
              { tracker: tracker.name, weight: tracker.weight, failed, other },
            ),
          ]
        })
    }),
  },
  {
    id: 'L202',
    severity: 'error',
    title: 'nothing watches HAProxy',
    why: 'When HAProxy dies or hangs, the address stays where nobody answers.',
    fix: 'track_script { check_haproxy }, with a vrrp_script that asks HAProxy, weight 0',
    check: perMember(({ file, instance: { name, place, isWatched } }) => {
      // Without HAProxy Keepalived checks the real servers itself.
      if (file.hasVirtualServers || isWatched) return []
      return [faultAt(place, `instance ${name} tracks nothing`, { instance: name })]
    }),
  },
  {
    id: 'L203',
    severity: 'error',
    title: 'nopreempt makes weights useless',
    why: 'With nopreempt a balancer does not take the address from one whose priority has fallen.',
    fix: 'weight 0 in what is tracked, so that a failure gives the address up',
    check: perInstance(({ name, nopreempt, trackers }) => {
      const isWeightOnly = trackers.length > 0 && trackers.every(({ weight }) => weight !== 0)
      if (nopreempt === null || !isWeightOnly) return []
      const tracked = trackers.map((tracker) => tracker.name)
      const message = `instance ${name} has nopreempt, and ${listed(tracked)} only changes the priority`
      return [faultAt(nopreempt, message, { instance: name, tracked })]
    }),
  },
  {
    id: 'L204',
    severity: 'warning',
    title: 'nopreempt needs state BACKUP',
    why: 'With state MASTER nopreempt does not work, and the address moves twice for each outage.',
    fix: 'state BACKUP on both balancers',
    check: perInstance(({ name, nopreempt, state }) => {
      if (nopreempt === null || state?.value !== 'MASTER') return []
      const message = `instance ${name} has nopreempt and state MASTER`
      return [faultAt(state.place, message, { instance: name })]
    }),
  },
  {
    id: 'L216',
    severity: 'error',
    title: 'what is tracked is defined nowhere',
    why: 'Keepalived leaves it out with a line in its log, and then nothing watches HAProxy.',
    fix: 'vrrp_script NAME { … } in the same file, with exactly that name',
    check: perKeepalivedFile(({ includes, instances }) => {
      // What is included may define it.
      if (includes.length > 0) return []
      return instances.flatMap(({ name, trackers }) =>
        trackers
          .filter(({ isDefined }) => !isDefined)
          .map((tracker) =>
            faultAt(
              tracker.place,
              `instance ${name} tracks ${tracker.kind} ${tracker.name}, not defined`,
              { instance: name, tracker: tracker.name },
            ),
          ),
      )
    }),
  },
]

/** The priority while every tracked thing is well, or with `failed` failed. */
function priorityOf(instance: VrrpInstance, priority: number, failed: Tracker | null): number {
  const sum = instance.trackers
    // What a tracked file adds is the number in it.
    .filter(({ kind }) => kind !== 'file')
    .reduce((total, tracker) => {
      const isWell = tracker !== failed
      if (tracker.weight > 0) return total + (isWell ? tracker.weight : 0)
      return total + (isWell ? 0 : tracker.weight)
    }, priority)
  return Math.max(1, Math.min(priorityMax, sum))
}
