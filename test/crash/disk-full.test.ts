// A real broker on a real file system without room. Needs the right to mount a small tmpfs; skipped where it is missing.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KafkaAdmin, KafkaConsumer, KafkaProducer } from '@millrace/kafka'
import { bytesToString } from '@millrace/std'
import { afterAll, expect, test } from 'vitest'
import { type BrokerProcess, startBrokerProcess } from './broker-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-full-'))
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', folder]).status === 0
let broker: BrokerProcess | undefined
afterAll(async () => {
  await broker?.kill()
  if (mounted) spawnSync('umount', [folder])
  rmSync(folder, { recursive: true, force: true })
})

const topic = 'heavy'
const value = (n: number) => `${n} `.padEnd(10_000, 'x')

async function readNumbers(bootstrap: string): Promise<number[]> {
  await using consumer = new KafkaConsumer({ bootstrapServers: bootstrap })
  consumer.assign([{ topic, partition: 0 }])
  consumer.seekToBeginning()
  const [end] = await consumer.endOffsets([{ topic, partition: 0 }])
  const numbers: number[] = []
  while (numbers.length < (end?.offset ?? 0)) {
    const records = await consumer.poll(5_000)
    if (records.length === 0) throw new Error(`nothing more after ${numbers.length} records`)
    for (const record of records) numbers.push(Number.parseInt(bytesToString(record.value as Uint8Array), 10))
  }
  return numbers
}

test.skipIf(!mounted)(
  'a full disk: what was acknowledged stays, the rest is refused, and it goes on with room',
  async () => {
    const ballast = join(folder, 'ballast')
    writeFileSync(ballast, Buffer.alloc(2_000_000))
    const data = join(folder, 'data')
    broker = await startBrokerProcess({ data })
    const { port, bootstrap } = broker
    await using admin = new KafkaAdmin({ bootstrapServers: bootstrap })
    await admin.createTopics([{ topic, partitions: 1 }])
    await admin.alterOffsets('g', [{ topic, partition: 0, offset: 1 }])

    const acknowledged: number[] = []
    let n = 0
    const fill = async (upTo: number) => {
      await using producer = new KafkaProducer({ bootstrapServers: bootstrap, deliveryTimeoutMs: 1_500, lingerMs: 0 })
      for (let sent = 0; sent < upTo; sent++, n++) {
        const number = n
        const isThere = await producer.send({ topic, partition: 0, value: value(number) }).then(
          () => true,
          () => false,
        )
        if (!isThere) return false
        acknowledged.push(number)
      }
      return true
    }
    expect(await fill(1_000)).toBe(false)
    expect(acknowledged.length).toBeGreaterThan(50)
    expect(broker.log.join('\n')).toContain('the disk is full')

    // Reads go on, admin requests are refused, and nobody is told that something was kept which was not.
    expect((await readNumbers(bootstrap)).slice(0, acknowledged.length)).toEqual(acknowledged)
    writeFileSync(join(folder, 'rest'), '')
    spawnSync('dd', ['if=/dev/zero', `of=${join(folder, 'rest')}`, 'bs=4096'])
    await expect(admin.createTopics([{ topic: 'more', partitions: 1 }], { timeoutMs: 2_000 })).rejects.toThrow()
    await expect(
      admin.alterOffsets('g', [{ topic, partition: 0, offset: 2, metadata: 'x'.repeat(4_000) }], { timeoutMs: 2_000 }),
    ).rejects.toThrow()

    rmSync(ballast)
    rmSync(join(folder, 'rest'))
    expect(await fill(20)).toBe(true)
    await admin.createTopics([{ topic: 'later', partitions: 1 }])
    await admin.alterOffsets('g', [{ topic, partition: 0, offset: 3 }])

    await broker.kill()
    broker = await startBrokerProcess({ data, port })
    const numbers = await readNumbers(bootstrap)
    // A record whose producer gave up may be there or not, but only once; what was acknowledged is.
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    expect(numbers.filter((number) => acknowledged.includes(number))).toEqual(acknowledged)
    expect((await admin.listTopics()).map((listed) => listed.topic)).toEqual(expect.arrayContaining([topic, 'later']))
    expect((await admin.fetchOffsets('g')).map(({ offset }) => offset)).toEqual([3])
    expect(await broker.stop()).toBe(0)
  },
  60_000,
)
