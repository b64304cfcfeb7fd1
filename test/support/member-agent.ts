// A program for tests: an agent reduced to its store member. Argument: the member's options as JSON,
// without what is no data. Prints `running` when the member serves.

import { setTimeout as pause } from 'node:timers/promises'
import type { EtcdMemberOptions } from '../../src/adapters/etcd/member.ts'
import { createEtcdMember } from '../../src/adapters/etcd/member.ts'

const options = JSON.parse(process.argv[2] ?? '') as EtcdMemberOptions
const member = createEtcdMember({
  ...options,
  askNodes: async () => [],
  log: (level, message) => console.log(`${level} ${message}`),
})
member.start()
while (member.state().kind !== 'running') await pause(5)
console.log('running')
