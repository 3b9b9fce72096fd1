// Clients that mean harm, or are broken, beside one that is neither: the broker's memory stays, it says whom it closed,
// and the good client notices nothing.
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KafkaAdmin, KafkaConsumer, KafkaProducer } from '@millrace/kafka'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BrokerProcess, startBrokerProcess } from './broker-process.ts'

const maxGrowthMib = 40
let folder: string
let broker: BrokerProcess
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bad-'))
  broker = await startBrokerProcess({ data: folder })
})
afterAll(async () => {
  expect(await broker.stop()).toBe(0)
  await rm(folder, { recursive: true, force: true })
})

/** Resident memory of the broker, MiB. */
function memory(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${broker.pid}/status`, 'utf8'))?.[1]) / 1024
}

interface Bad {
  readonly socket: Socket
  readonly closed: Promise<void>
}

function badClients(count: number, bytes: Uint8Array): Promise<Bad[]> {
  const clients = Array.from({ length: count }, async (): Promise<Bad> => {
    const socket = connect(broker.port, '127.0.0.1')
    socket.on('error', () => {})
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
    await new Promise<void>((resolve) => socket.write(bytes, () => resolve()))
    return { socket, closed }
  })
  return Promise.all(clients)
}

function announced(length: number, more = 0): Buffer {
  const bytes = Buffer.alloc(4 + more)
  bytes.writeInt32BE(length)
  return bytes
}

test.skipIf(process.platform !== 'linux')(
  'hundreds of bad connections cost nothing and disturb nobody',
  async () => {
    const options = { bootstrapServers: broker.bootstrap }
    await using admin = new KafkaAdmin(options)
    await admin.createTopics([{ topic: 't', partitions: 2 }])
    await using producer = new KafkaProducer({ ...options, lingerMs: 0 })
    await using consumer = new KafkaConsumer({ ...options, groupId: 'good', autoOffsetReset: 'earliest' })
    consumer.subscribe(['t'])
    let working = true
    let sent = 0
    let received = 0
    const sending = (async () => {
      while (working) {
        await producer.send({ topic: 't', value: `${sent++}` })
        if (sent % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      }
    })()
    const receiving = (async () => {
      while (working || received < sent) received += (await consumer.poll(200)).length
    })()
    await expect.poll(() => received, { timeout: 20_000 }).toBeGreaterThan(50)
    const before = memory()

    // Lengths that are refused as soon as they are known.
    for (const bytes of [
      announced(2 ** 30),
      announced(-5),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from('160301', 'hex'),
    ]) {
      for (const { closed, socket } of await badClients(20, Buffer.concat([bytes, Buffer.alloc(4)]))) {
        await closed
        socket.destroy()
      }
    }
    expect(broker.log.join('\n')).toContain('a frame of 1073741824 bytes was announced; the most is 104857600')

    // Lengths that are allowed, of requests that never come; half of the clients go on, a few bytes at a time.
    const waiting = await badClients(200, announced(100_000_000, 1_000))
    for (let i = 0; i < 10; i++) {
      for (const { socket } of waiting.slice(100)) socket.write(Buffer.alloc(100))
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    // Requests of all sorts that are none.
    for (const { closed } of await badClients(50, announced(100, 100).fill(0x7f, 4))) await closed
    for (const { socket } of await badClients(50, announced(0))) socket.destroy()

    const seen = received
    await expect.poll(() => received, { timeout: 20_000 }).toBeGreaterThan(seen + 50)
    expect(memory() - before).toBeLessThan(maxGrowthMib)
    for (const { socket } of waiting) socket.destroy()
    working = false
    await Promise.all([sending, receiving])
    expect(received).toBe(sent)
    expect(broker.log.filter((line) => line.includes('"error"'))).toEqual([])
  },
  60_000,
)
