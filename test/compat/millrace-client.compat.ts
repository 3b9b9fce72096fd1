import { json, text } from '@millrace/connectors/formats'
import { kafkaSink, kafkaSource } from '@millrace/connectors/kafka'
import { executeJob, job, tumbling } from '@millrace/engine'
import { type ConsumerRecord, KafkaAdmin, KafkaConsumer, KafkaProducer } from '@millrace/kafka'
import { bytesToString } from '@millrace/std'
import { expect, it } from 'vitest'
import { compatSuite, freshName, values } from './suite.ts'

// Our own client and connector: against Apache Kafka (npm run compat -- --apache) this judges the client.
compatSuite("Millrace's client", { available: true, value: undefined }, (_, target) => {
  const options = () => ({ bootstrapServers: target.bootstrap })
  const textOf = ({ value }: ConsumerRecord) => bytesToString(value as Uint8Array)

  async function newTopic(stem: string, partitions: number): Promise<string> {
    const topic = freshName(stem)
    const admin = new KafkaAdmin(options())
    await admin.createTopics([{ topic, partitions }])
    await admin.close()
    return topic
  }

  async function send(topic: string, sent: readonly string[], extra: object = {}): Promise<void> {
    await using producer = new KafkaProducer({ ...options(), ...extra })
    await Promise.all(sent.map((value, i) => producer.send({ topic, key: `key-${i}`, value, headers: { n: `${i}` } })))
  }

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'produces and consumes, compression %s',
    async (compressionType) => {
      const topic = await newTopic('client', 3)
      const sent = values(500)
      await send(topic, sent, { compressionType })
      await using consumer = new KafkaConsumer({
        ...options(),
        groupId: freshName('group'),
        autoOffsetReset: 'earliest',
      })
      consumer.subscribe([topic])
      const received: string[] = []
      while (received.length < sent.length) {
        for (const record of await consumer.poll(1000)) {
          const value = textOf(record)
          received.push(value)
          expect(bytesToString(record.key as Uint8Array)).toBe(value.replace('value', 'key'))
          expect(record.headers).toEqual([{ key: 'n', value: Buffer.from(value.slice('value-'.length)) }])
        }
      }
      expect(received.sort()).toEqual(sent.sort())
      await consumer.commit()
    },
  )

  it.each(['range', 'roundrobin', 'cooperative-sticky'] as const)('shares a group, assignor %s', async (assignor) => {
    const topic = await newTopic('share', 4)
    const groupId = freshName('group')
    const sent = values(400)
    const received: string[] = []
    const members = [0, 1].map(
      () => new KafkaConsumer({ ...options(), groupId, autoOffsetReset: 'earliest', partitionAssignors: [assignor] }),
    )
    let done = false
    const shares: number[] = [0, 0]
    const reading = members.map(async (member, i) => {
      member.subscribe([topic])
      while (!done) {
        for (const record of await member.poll(200)) received.push(textOf(record))
        shares[i] = member.assignment().length
      }
    })
    await expect.poll(() => shares.join(), { timeout: 60_000 }).toBe('2,2')
    await send(topic, sent)
    await expect.poll(() => received.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(sent.length)
    done = true
    await Promise.all(reading)
    for (const member of members) await member.close()
    expect(received.sort()).toEqual(sent.sort())
    const admin = new KafkaAdmin(options())
    const committed = await admin.fetchOffsets(groupId)
    expect(committed.reduce((sum, { offset }) => sum + offset, 0)).toBe(sent.length)
    await admin.close()
  })

  it('administers topics, offsets and records', async () => {
    const topic = await newTopic('admin', 2)
    const admin = new KafkaAdmin(options())
    const producer = new KafkaProducer(options())
    for (const value of values(10)) await producer.send({ topic, partition: 0, value, timestamp: 1_700_000_000_000 })
    await producer.close()
    const ends = await admin.listOffsets([{ topic, partition: 0, at: 'latest' }])
    expect(ends[0]?.offset).toBe(10)
    expect((await admin.listOffsets([{ topic, partition: 0, at: 1_700_000_000_000 }]))[0]?.offset).toBe(0)
    expect((await admin.listOffsets([{ topic, partition: 0, at: 1_700_000_000_001 }]))[0]?.offset).toBe(-1)
    await admin.deleteRecords([{ topic, partition: 0, offset: 4 }])
    expect((await admin.listOffsets([{ topic, partition: 0, at: 'earliest' }]))[0]?.offset).toBe(4)
    await admin.createPartitions([{ topic, count: 3 }])
    expect((await admin.describeTopics([topic]))[0]?.partitions).toHaveLength(3)
    expect((await admin.describeCluster()).brokers.length).toBeGreaterThan(0)
    await admin.deleteTopics([topic])
    await expect
      .poll(async () => (await admin.listTopics()).map((found) => found.topic), { timeout: 10_000 })
      .not.toContain(topic)
    await admin.close()
  })

  it('runs a job from topic to topic', async () => {
    const [lines, counts] = [await newTopic('lines', 3), await newTopic('counts', 2)]
    await send(lines, ['to be', 'or not', 'to be'])
    const wordCount = job('word-count', (env) => {
      env
        .fromSource(kafkaSource({ topic: lines, value: text(), stop: 'latest', groupId: freshName('job') }))
        .flatMap((line) => line.split(' '))
        .keyBy((word) => word)
        .window(tumbling('1 min'))
        .count()
        .sinkTo(kafkaSink({ topic: counts, value: json(), key: ({ key }) => key }))
    })
    await (await executeJob(wordCount, { settings: { 'bootstrap.servers': target.bootstrap } })).result
    await using consumer = new KafkaConsumer(options())
    consumer.assign([0, 1].map((partition) => ({ topic: counts, partition })))
    consumer.seekToBeginning()
    const found: Record<string, number> = {}
    while (Object.keys(found).length < 4) {
      for (const record of await consumer.poll(1000)) {
        const { key, count } = JSON.parse(textOf(record))
        found[key] = count
      }
    }
    expect(found).toEqual({ to: 2, be: 2, or: 1, not: 1 })
  })
})
