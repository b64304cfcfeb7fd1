// Every rule, in the order of its id.

import type { Rule } from './rule.ts'
import { acrossAddressRules } from './rules/across/addresses.ts'
import { acrossBalancerRules } from './rules/across/balancers.ts'
import { acrossLimitRules } from './rules/across/limits.ts'
import { acrossNodeRules } from './rules/across/nodes.ts'
import { composeContainerRules } from './rules/compose/containers.ts'
import { composePlacementRules } from './rules/compose/placement.ts'
import { composeRepmgrRules } from './rules/compose/repmgr.ts'
import { composeVolumeRules } from './rules/compose/volumes.ts'
import { envRules } from './rules/env.ts'
import { haproxyCheckRules } from './rules/haproxy/checks.ts'
import { haproxyExposureRules } from './rules/haproxy/exposure.ts'
import { haproxyLimitRules } from './rules/haproxy/limits.ts'
import { haproxyRoleRules } from './rules/haproxy/roles.ts'
import { haproxyServerRules } from './rules/haproxy/servers.ts'
import { keepalivedAgreementRules } from './rules/keepalived/agreement.ts'
import { keepalivedFailoverRules } from './rules/keepalived/failover.ts'
import { keepalivedInstanceRules } from './rules/keepalived/instances.ts'
import { keepalivedScriptRules } from './rules/keepalived/scripts.ts'
import { readingRules } from './rules/reading.ts'
import { scriptRules } from './rules/script.ts'

/** By what they are about; the first digit of an id is the kind of file. */
const byTopic: readonly (readonly Rule[])[] = [
  readingRules,
  // L1xx
  ...[haproxyRoleRules, haproxyCheckRules, haproxyServerRules, haproxyLimitRules],
  haproxyExposureRules,
  // L2xx
  ...[keepalivedFailoverRules, keepalivedAgreementRules, keepalivedInstanceRules],
  keepalivedScriptRules,
  // L3xx
  ...[composePlacementRules, composeVolumeRules, composeContainerRules, composeRepmgrRules],
  // L4xx, L5xx
  ...[envRules, scriptRules],
  // L6xx
  ...[acrossNodeRules, acrossLimitRules, acrossBalancerRules, acrossAddressRules],
]

export const rules: readonly Rule[] = byTopic
  .flat()
  .sort((left, right) => (left.id < right.id ? -1 : 1))
