import { describe, expect, it } from 'vitest'
import { goneSince, parseSessions } from './session-watch.ts'

describe('sessions of a server', () => {
  it('are read from the row of the write proxy', () => {
    const answer = [
      '# pxname,svname,qcur,qmax,scur,smax',
      'write,FRONTEND,0,0,9,9',
      'write,pg-0,0,0,4,4',
      'read,pg-0,0,0,2,2',
      '',
    ].join('\n')
    expect(parseSessions(answer, 'pg-0')).toBe(4)
    expect(parseSessions(answer, 'pg-1')).toBe(0)
  })

  it('are gone when none comes back', () => {
    const counts = [3, 0, 1, 0, 0].map((count, index) => ({ atMs: index * 20, count }))
    expect(goneSince(counts)).toBe(60)
    expect(goneSince(counts.slice(0, 3))).toBeNull()
  })
})
