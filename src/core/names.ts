// Identities and the branded numbers that everything else is written in.

import type { Brand } from '../lib/brand.ts'

export type ClusterName = Brand<string, 'ClusterName'>
/** A node's name, unique in the cluster: `pg-0`, `pgw-0`. */
export type NodeName = Brand<string, 'NodeName'>
/**
 * A node together with the identity of its data volume: `pg-0-3f9ac2d1`. A lost or replaced volume is a
 * new incarnation and never evidence for the old one (safety.md 2.3). It is also the
 * `application_name` under which the node streams when it counts for synchronous commit.
 */
export type Incarnation = Brand<string, 'Incarnation'>
/** PostgreSQL's system identifier, as decimal text (64 bits do not fit a JSON number). */
export type SystemId = Brand<string, 'SystemId'>
/** Grows by one with each acquisition of the lease: the fencing token of everything that follows. */
export type Epoch = Brand<number, 'Epoch'>
/** PostgreSQL's timeline number. Unique per epoch in our clusters (safety.md 2.3 rule 4). */
export type TimelineId = Brand<number, 'TimelineId'>
/** Milliseconds of a clock that never goes back and means nothing to another machine. */
export type MonotonicMs = Brand<number, 'MonotonicMs'>
/** Milliseconds since 1970, for people and backups only, never for a decision. */
export type WallClockMs = Brand<number, 'WallClockMs'>

export type NodeRole = 'data' | 'witness' | 'balancer'

export const asNodeName = (text: string): NodeName => text as NodeName
export const asEpoch = (value: number): Epoch => value as Epoch
export const asTimeline = (value: number): TimelineId => value as TimelineId
export const asMonotonic = (value: number): MonotonicMs => value as MonotonicMs

/** The incarnation of `node` on the volume `volumeId` (8 or more hexadecimal digits). */
export function incarnationOf(node: NodeName, volumeId: string): Incarnation {
  return `${node}-${volumeId.slice(0, 8)}` as Incarnation
}

/** The node to which an incarnation belongs. */
export function nodeOf(incarnation: Incarnation): NodeName {
  return incarnation.slice(0, incarnation.lastIndexOf('-')) as NodeName
}

/** Whether an incarnation belongs to `node`. */
export function incarnationIsOf(incarnation: Incarnation, node: NodeName): boolean {
  return nodeOf(incarnation) === node
}

/**
 * Stands in a list for a member that has not promised the epoch of this primary: no server streams under
 * this name, so commits wait. The member itself may be connected, because PostgreSQL connects again by
 * itself to a server that has become primary once more, and must not count before its agent knows.
 */
export function awaitedMember(incarnation: Incarnation): Incarnation {
  return isAwaitedMember(incarnation) ? incarnation : (`${incarnation}.awaited` as Incarnation)
}

export function isAwaitedMember(member: Incarnation): boolean {
  return member.endsWith('.awaited')
}

/** The physical replication slot kept for `node` on every other data node. */
export function slotNameOf(node: NodeName): string {
  return `pgherd_${node.replaceAll(/[^a-z0-9]/g, '_')}`
}
