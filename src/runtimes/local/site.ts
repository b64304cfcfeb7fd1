// Where the nodes of a cluster run: on this machine itself, or on the hosts of a lab.

import { existsSync } from 'node:fs'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import { enter, enterWords } from '../lab/network.ts'
import { clientHost, labHostOf, labNetworkOf } from '../lab/hosts.ts'
import type { LabNetwork } from '../lab/hosts.ts'
import type { ClusterPaths } from './paths.ts'

export type Site = {
  /** Null: this machine itself. */
  readonly lab: LabNetwork | null
  /** Words before a program that let it run where the node runs; none on this machine itself. */
  enter(node: string): readonly string[]
}

export const thisMachine: Site = { lab: null, enter: () => [] }

/** The site of a cluster that is there: a lab has a mark in its folder. */
export function siteOf(paths: ClusterPaths, layout: ClusterLayout): Site {
  return existsSync(paths.labMark) ? labSite(paths.directory, layout) : thisMachine
}

export function labSite(directory: string, layout: ClusterLayout): Site {
  const lab = labNetworkOf(directory, layout)
  return {
    lab,
    enter: (node) => {
      const host = labHostOf(lab, node)
      return host === null ? [] : enterWords(host)
    },
  }
}

/** Words before a program of ours that is to be where people are, at the client host of a lab. */
export function clientWords(site: Site): readonly string[] {
  return site.lab === null ? [] : site.enter(clientHost)
}

/**
 * The same before a program of a person.
 * @throws PgherdError PGHERD_LAB_ROOT, PGHERD_LAB_DOWN
 */
export function enterClient({ lab }: Site): readonly string[] {
  const client = lab === null ? null : labHostOf(lab, clientHost)
  return lab === null || client === null ? [] : enter(lab, client)
}
