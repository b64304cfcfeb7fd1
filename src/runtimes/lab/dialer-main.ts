// The helper on the client host of a lab: opens the connections that it is asked for and hands them over.
// It ends with the process that started it.

import { connect } from 'node:net'
import type { DialAnswer, DialRequest, DialReady } from './dialer.ts'

/** Longer than any caller waits. */
const connectMsMax = 10_000
const ready: DialReady = 'ready'

process.on('message', (request: DialRequest) => {
  const socket = connect({ host: request.host, port: request.port, timeout: connectMsMax })
  socket.once('timeout', () => socket.destroy(new Error('ETIMEDOUT')))
  const answer = (error: string | null): DialAnswer => ({ id: request.id, error })
  socket.once('connect', () => {
    socket.setTimeout(0)
    // What the other end says first belongs to the new owner.
    socket.pause()
    process.send?.(answer(null), socket)
  })
  socket.once('error', (error: NodeJS.ErrnoException) => {
    process.send?.(answer(error.code ?? error.message))
  })
})
process.on('disconnect', () => process.exit())
process.send?.(ready)
