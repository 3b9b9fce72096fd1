import { expect, it } from 'vitest'
import { npmPackage } from './peers.ts'
import { compatSuite, freshName, values } from './suite.ts'

/** The part of kafkajs that is used here. */
interface KafkaJs {
  Kafka: new (options: {
    brokers: string[]
    logLevel: number
  }) => {
    admin(): {
      connect(): Promise<void>
      disconnect(): Promise<void>
      createTopics(options: { topics: { topic: string; numPartitions: number }[] }): Promise<boolean>
      listTopics(): Promise<string[]>
      fetchTopicOffsets(topic: string): Promise<{ partition: number; offset: string }[]>
      fetchOffsets(options: { groupId: string; topics: string[] }): Promise<{ partitions: { offset: string }[] }[]>
      listGroups(): Promise<{ groups: { groupId: string }[] }>
      describeGroups(ids: string[]): Promise<{ groups: { state: string }[] }>
      deleteTopics(options: { topics: string[] }): Promise<void>
      deleteGroups(ids: string[]): Promise<unknown>
      describeConfigs(options: { includeSynonyms: boolean; resources: { type: number; name: string }[] }): Promise<{
        resources: { configEntries: { configName: string; configValue: string }[] }[]
      }>
    }
    producer(options?: { idempotent?: boolean; transactionalId?: string; maxInFlightRequests?: number }): {
      connect(): Promise<void>
      disconnect(): Promise<void>
      transaction(): Promise<{
        send(options: { topic: string; messages: { value: string; partition?: number }[] }): Promise<unknown>
        sendOffsets(options: {
          consumerGroupId: string
          topics: { topic: string; partitions: { partition: number; offset: string }[] }[]
        }): Promise<void>
        commit(): Promise<void>
        abort(): Promise<void>
      }>
      send(options: {
        topic: string
        compression?: number
        messages: { key?: string; value: string; partition?: number; headers?: Record<string, string> }[]
      }): Promise<unknown>
    }
    consumer(options: { groupId: string; maxWaitTimeInMs?: number }): {
      connect(): Promise<void>
      disconnect(): Promise<void>
      subscribe(options: { topic: string; fromBeginning: boolean }): Promise<void>
      run(options: {
        eachMessage(payload: { partition: number; message: { key: Buffer | null; value: Buffer } }): Promise<void>
      }): Promise<void>
    }
  }
}

compatSuite('kafkajs', npmPackage<KafkaJs>('kafkajs', '2.2.4'), ({ Kafka }, target) => {
  const connect = () => new Kafka({ brokers: [target.bootstrap], logLevel: 0 })

  it('administers topics, groups and configs', async () => {
    const topic = freshName('admin')
    const admin = connect().admin()
    await admin.connect()
    expect(await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] })).toBe(true)
    expect(await admin.listTopics()).toContain(topic)
    expect(await admin.fetchTopicOffsets(topic)).toHaveLength(4)
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: topic }] })
    expect(resources[0]?.configEntries.find(({ configName }) => configName === 'cleanup.policy')?.configValue).toBe(
      'delete',
    )
    await admin.deleteTopics({ topics: [topic] })
    expect(await admin.listTopics()).not.toContain(topic)
    await admin.disconnect()
  })

  it.each([
    ['plain', false, 0],
    ['idempotent', true, 0],
    ['gzip', false, 1],
  ])('produces and consumes (%s)', async (_, idempotent, compression) => {
    const topic = freshName('round-trip')
    const kafka = connect()
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] })
    const producer = kafka.producer({ idempotent })
    await producer.connect()
    const sent = values(200)
    await producer.send({
      topic,
      compression,
      messages: sent.map((value, i) => ({ key: `key-${i}`, value, headers: { origin: 'kafkajs' } })),
    })
    await producer.disconnect()
    const groupId = freshName('reader')
    const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const received: string[] = []
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: async ({ message }) => {
            received.push(message.value.toString())
            if (received.length === sent.length) resolve()
          },
        })
        .catch(reject)
    })
    expect((await admin.describeGroups([groupId])).groups[0]?.state).toBe('Stable')
    await consumer.disconnect()
    expect(received.sort()).toEqual(sent.sort())
    const offsets = await admin.fetchOffsets({ groupId, topics: [topic] })
    const committed = offsets[0]?.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
    expect(committed).toBe(sent.length)
    await admin.deleteGroups([groupId])
    expect((await admin.listGroups()).groups.map((group) => group.groupId)).not.toContain(groupId)
    await admin.disconnect()
  })

  it('shares a group between two members', async () => {
    const topic = freshName('group')
    const kafka = connect()
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] })
    await admin.disconnect()
    const groupId = freshName('members')
    const sent = values(400)
    const received: { member: number; partition: number; value: string }[] = []
    const consumers = [
      kafka.consumer({ groupId, maxWaitTimeInMs: 100 }),
      kafka.consumer({ groupId, maxWaitTimeInMs: 100 }),
    ]
    let done = () => {}
    const all = new Promise<void>((resolve) => {
      done = resolve
    })
    for (const [member, consumer] of consumers.entries()) {
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({
        eachMessage: async ({ partition, message }) => {
          received.push({ member, partition, value: message.value.toString() })
          if (received.length >= sent.length) done()
        },
      })
    }
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic, messages: sent.map((value, i) => ({ value, partition: i % 4 })) })
    await producer.disconnect()
    await all
    for (const consumer of consumers) await consumer.disconnect()
    expect(received.map(({ value }) => value).sort()).toEqual(sent.sort())
  })

  it('commits and aborts transactions, offsets in them', async () => {
    const topic = freshName('txn')
    const kafka = connect()
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
    const groupId = freshName('offsets')
    const producer = kafka.producer({ idempotent: true, transactionalId: freshName('id'), maxInFlightRequests: 1 })
    await producer.connect()
    const within = async (value: string, offset: string) => {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value, partition: 0 }] })
      await transaction.sendOffsets({
        consumerGroupId: groupId,
        topics: [{ topic, partitions: [{ partition: 0, offset }] }],
      })
      return transaction
    }
    const offset = async () => (await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions[0]?.offset
    await (await within('first', '5')).commit()
    await expect.poll(offset, { timeout: 10_000 }).toBe('5')
    await (await within('never', '9')).abort()
    await (await within('second', '7')).commit()
    await expect.poll(offset, { timeout: 10_000 }).toBe('7')
    await producer.disconnect()
    const consumer = kafka.consumer({ groupId: freshName('reader'), maxWaitTimeInMs: 100 })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const received: string[] = []
    await consumer.run({ eachMessage: async ({ message }) => void received.push(message.value.toString()) })
    await expect.poll(() => received.join(), { timeout: 30_000 }).toBe('first,second')
    await consumer.disconnect()
    await admin.disconnect()
  })
})
