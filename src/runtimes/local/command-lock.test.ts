import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { lockCluster } from './command-lock.ts'

const place = () => `/nowhere/${randomUUID()}`

describe('command lock', () => {
  it('one command at a time; the other is told which one it is', async () => {
    const directory = place()
    const first = await lockCluster(directory, 'up', 0)
    await expect(lockCluster(directory, 'down', 50)).rejects.toMatchObject({
      code: 'PGHERD_BUSY',
      because: `it is pgherd up, process ${String(process.pid)}`,
    })
    await first.release()
    await (await lockCluster(directory, 'down', 0)).release()
  })

  it('another cluster has another lock', async () => {
    const locks = [await lockCluster(place(), 'up', 0), await lockCluster(place(), 'up', 0)]
    for (const lock of locks) await lock.release()
  })

  it('waits for the other command', async () => {
    const directory = place()
    const first = await lockCluster(directory, 'up', 0)
    const second = lockCluster(directory, 'down', 10_000)
    await first.release()
    await (await second).release()
  })

  it('a command that was killed holds nothing', async () => {
    const directory = place()
    const digest = createHash('sha256').update(directory).digest('hex').slice(0, 32)
    const script = `require('net').createServer().listen('\\0pgherd-command-${digest}', () => console.log('held'))`
    const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => holder.stdout.once('data', resolve))
    await expect(lockCluster(directory, 'up', 0)).rejects.toMatchObject({ code: 'PGHERD_BUSY' })
    holder.kill('SIGKILL')
    await (await lockCluster(directory, 'up', 10_000)).release()
  })
})
