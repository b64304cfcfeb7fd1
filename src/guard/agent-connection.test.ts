import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { AgentConnection } from './agent-connection.ts'
import { renderLine } from './protocol.ts'

let folder = ''
let socketPath = ''
let calls: string[] = []
let connection: AgentConnection
const agents: Socket[] = []

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgherd-'))
  socketPath = path.join(folder, 'guard')
  calls = []
  connection = makeConnection()
  await connection.listen()
})
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy()
  connection.close()
  await rm(folder, { recursive: true, force: true })
})

function makeConnection(): AgentConnection {
  return new AgentConnection({
    socketPath,
    beforeAnything: () => calls.push('deadline compared'),
    handle: (message) => calls.push(message.type),
    log: (message) => calls.push(message),
  })
}

async function agent(): Promise<Socket> {
  const socket = connect(socketPath)
  agents.push(socket)
  socket.setEncoding('utf8')
  await once(socket, 'connect')
  return socket
}

async function until(isWanted: () => boolean): Promise<void> {
  while (!isWanted()) await new Promise((next) => setImmediate(next))
}

test('the deadline is compared before anything that arrives is looked at', async () => {
  const first = await agent()
  await until(() => connection.isConnected())
  calls = []
  first.write(renderLine({ type: 'extend', stopByMs: 1e9 }))
  await until(() => calls.includes('extend'))
  expect(calls).toEqual(['deadline compared', 'extend'])
})

test('a newer agent takes the place of the old one, which is told and not listened to any more', async () => {
  const first = await agent()
  await until(() => connection.isConnected())
  const ended = once(first, 'end')
  const told = once(first, 'data')
  const second = await agent()
  expect(await told).toEqual([renderLine({ type: 'replaced' })])
  await ended
  calls = []
  second.write(renderLine({ type: 'ping', id: 1 }))
  await until(() => calls.includes('ping'))
  expect(connection.isConnected()).toBe(true)
})

test('nonsense closes the connection and harms nothing else', async () => {
  const first = await agent()
  const closed = once(first, 'close')
  first.write('not json\n')
  await closed
  await until(() => !connection.isConnected())
  expect(calls.some((call) => call.includes('nonsense'))).toBe(true)
  await agent()
  await until(() => connection.isConnected())
})

test('only its own user can speak to the guard', async () => {
  expect((await stat(socketPath)).mode & 0o777).toBe(0o600)
})

test('a second guard on the same socket gives up', async () => {
  await expect(makeConnection().listen()).rejects.toThrow(/another guard/)
  await agent()
  await until(() => connection.isConnected())
})
