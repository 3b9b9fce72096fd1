import { expect, it } from 'vitest'
import { npmPackage } from './peers.ts'
import { compatSuite, freshName, values } from './suite.ts'

interface Message {
  key: string
  value: string
  partition: number
}

/** The part of @platformatic/kafka that is used here. */
interface Platformatic {
  stringSerializers: unknown
  stringDeserializers: unknown
  Admin: new (
    options: object,
  ) => {
    createTopics(options: { topics: string[]; partitions: number; replicas: number }): Promise<unknown>
    listTopics(): Promise<string[]>
    describeGroups(options: { groups: string[] }): Promise<Map<string, { state: string }>>
    close(): Promise<void>
  }
  Producer: new (
    options: object,
  ) => {
    send(options: { messages: { topic: string; key: string; value: string; partition?: number }[] }): Promise<unknown>
    close(): Promise<void>
  }
  Consumer: new (
    options: object,
  ) => {
    consume(options: object): Promise<AsyncIterable<Message> & { close(): Promise<void> }>
    close(force?: boolean): Promise<void>
  }
}

const peer = npmPackage<Platformatic>('@platformatic/kafka', '2.12.1')

compatSuite('@platformatic/kafka', peer, (kafka, target) => {
  const options = () => ({ clientId: 'compat', bootstrapBrokers: [target.bootstrap] })
  const createTopic = async (topic: string, partitions: number) => {
    const admin = new kafka.Admin(options())
    await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
    // A real cluster answers from metadata that follow a moment later.
    await expect.poll(() => admin.listTopics(), { timeout: 10_000 }).toContain(topic)
    await admin.close()
  }
  const send = async (topic: string, sent: string[], extra: object) => {
    const producer = new kafka.Producer({ ...options(), serializers: kafka.stringSerializers, ...extra })
    await producer.send({ messages: sent.map((value, i) => ({ topic, key: `key-${i}`, value })) })
    await producer.close()
  }

  it.each([
    ['plain', {}],
    ['idempotent', { idempotent: true }],
    ['zstd', { compression: 'zstd' }],
    ['snappy', { compression: 'snappy' }],
    ['lz4', { compression: 'lz4' }],
  ])('produces and consumes (%s)', async (_, extra) => {
    const topic = freshName('round-trip')
    await createTopic(topic, 3)
    const sent = values(200)
    await send(topic, sent, extra)
    const consumer = new kafka.Consumer({
      ...options(),
      groupId: freshName('reader'),
      deserializers: kafka.stringDeserializers,
    })
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: true })
    // A set: against Apache Kafka as well, this client now and then hands a record out twice.
    const received = new Set<string>()
    for await (const message of stream) {
      received.add(message.value)
      if (received.size === sent.length) break
    }
    await consumer.close(true)
    expect([...received].sort()).toEqual(sent.sort())
  })

  it('shares a group between two members', async () => {
    const topic = freshName('group')
    await createTopic(topic, 4)
    const sent = values(400)
    const groupId = freshName('members')
    const consumers = [0, 1].map(
      () =>
        new kafka.Consumer({ ...options(), groupId, deserializers: kafka.stringDeserializers, sessionTimeout: 10_000 }),
    )
    const received = new Set<string>()
    let done = () => {}
    const all = new Promise<void>((resolve) => {
      done = resolve
    })
    const readers = consumers.map(async (consumer) => {
      const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: true })
      for await (const message of stream) {
        received.add(message.value)
        if (received.size === sent.length) done()
      }
    })
    await send(topic, sent, {})
    await all
    // One after the other: a client that is closed while its group rebalances throws where nobody can catch it.
    await consumers[0]?.close(true)
    await new Promise((resolve) => setTimeout(resolve, 4000))
    await consumers[1]?.close(true)
    await Promise.allSettled(readers)
    expect([...received].sort()).toEqual(sent.sort())
  })
})
