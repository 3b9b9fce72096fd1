/** What a team sees that gives up its Kafka container: kafkajs, a client that we did not write, against the test kit. */
import { embeddedKafka, ManualClock } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { npmPackage } from './peers.ts'

interface Message {
  readonly key?: string
  readonly value: string
}

/** The part of kafkajs that is used here. */
interface KafkaJs {
  Kafka: new (options: {
    brokers: string[]
    logLevel: number
    retry?: { initialRetryTime?: number; maxRetryTime?: number; retries?: number }
    requestTimeout?: number
  }) => {
    admin(): {
      connect(): Promise<void>
      disconnect(): Promise<void>
      describeCluster(): Promise<{ brokers: { nodeId: number; port: number }[]; controller: number }>
      describeGroups(ids: string[]): Promise<{ groups: { state: string; members: unknown[] }[] }>
      fetchTopicMetadata(options: { topics: string[] }): Promise<{
        topics: { partitions: { partitionId: number; leader: number; replicas: number[] }[] }[]
      }>
    }
    producer(options?: { idempotent?: boolean; maxInFlightRequests?: number }): {
      connect(): Promise<void>
      disconnect(): Promise<void>
      send(options: { topic: string; acks?: number; messages: Message[] }): Promise<unknown>
    }
    consumer(options: {
      groupId: string
      sessionTimeout?: number
      heartbeatInterval?: number
      maxWaitTimeInMs?: number
    }): {
      connect(): Promise<void>
      disconnect(): Promise<void>
      subscribe(options: { topic: string; fromBeginning: boolean }): Promise<void>
      run(options: { eachMessage(payload: { message: { value: Buffer } }): Promise<void> }): Promise<void>
    }
  }
}

const quickGroup = { maxWaitTimeInMs: 20, heartbeatInterval: 100, sessionTimeout: 1_000 }

const kafkajs = npmPackage<KafkaJs>('kafkajs', '2.2.4')
if (!kafkajs.available) test.skip(`kafkajs: ${kafkajs.why}`, () => {})
else runTests(kafkajs.value)

function runTests({ Kafka }: KafkaJs): void {
  const connect = (bootstrapServers: string) =>
    new Kafka({
      brokers: bootstrapServers.split(','),
      logLevel: 0,
      retry: { initialRetryTime: 20, maxRetryTime: 100, retries: 50 },
    })

  describe('kafkajs and the test kit', () => {
    test('producers and consumers fail over; an idempotent producer loses nothing and doubles nothing', async () => {
      // kafkajs does not look for another coordinator: it joins anew, as a member that the group does not know, and waits
      // until the session of the member that it was runs out.
      await using kafka = await embeddedKafka({
        brokers: 3,
        topics: [{ topic: 't', partitions: 3 }],
        config: { 'group.min.session.timeout.ms': 100 },
      })
      const client = connect(kafka.bootstrapServers)
      const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 })
      const consumer = client.consumer({ ...quickGroup, groupId: 'g' })
      await producer.connect()
      await consumer.connect()
      await consumer.subscribe({ topic: 't', fromBeginning: true })
      const consumed = new Set<string>()
      const total = 60
      let finish = () => {}
      const all = new Promise<void>((resolve) => {
        finish = resolve
      })
      await consumer.run({
        eachMessage: async ({ message }) => {
          consumed.add(String(message.value))
          if (consumed.size === total) finish()
        },
      })
      for (let i = 0; i < total; i++) {
        if (i === 20) await kafka.leaderOf('t', 1)?.fail()
        if (i === 40) {
          await Promise.all(kafka.brokers.map((broker) => broker.restore()))
          await kafka.coordinatorOf('g')?.fail()
        }
        await producer.send({ topic: 't', acks: -1, messages: [{ key: `key-${i}`, value: `value-${i}` }] })
      }
      await all
      const values = (await kafka.records('t')).map(({ value }) => value)
      expect(values.toSorted()).toEqual(Array.from({ length: total }, (_, i) => `value-${i}`).toSorted())
      await consumer.disconnect()
      await producer.disconnect()
    })

    test('the cluster looks like several brokers', async () => {
      await using kafka = await embeddedKafka({ brokers: 3, topics: [{ topic: 't', partitions: 3 }] })
      const admin = connect(kafka.bootstrapServers).admin()
      await admin.connect()
      const { brokers, controller } = await admin.describeCluster()
      expect(brokers.map(({ port }) => port)).toEqual(kafka.brokers.map(({ port }) => port))
      expect(controller).toBe(0)
      const { topics } = await admin.fetchTopicMetadata({ topics: ['t'] })
      expect(topics[0]?.partitions.map(({ leader }) => leader).sort()).toEqual([0, 1, 2])
      await admin.disconnect()
    })

    test('injected errors and lost connections are survived, or not', async () => {
      await using kafka = await embeddedKafka({ topics: ['t'] })
      const producer = connect(kafka.bootstrapServers).producer()
      await producer.connect()
      const misled = kafka.inject({ api: 'Produce', topic: 't', error: 'NOT_LEADER_OR_FOLLOWER', times: 2 })
      await producer.send({ topic: 't', messages: [{ value: 'a' }] })
      expect(misled.hits).toBe(2)
      const cut = kafka.inject({ api: 'Produce', disconnect: 'after', times: 1 })
      await producer.send({ topic: 't', messages: [{ value: 'b' }] })
      expect(cut.hits).toBe(1)
      // Without idempotence the second attempt is a second record.
      expect((await kafka.records('t')).map(({ value }) => value)).toEqual(['a', 'b', 'b'])
      kafka.inject({ api: 'Produce', error: 'TOPIC_AUTHORIZATION_FAILED' })
      await expect(producer.send({ topic: 't', messages: [{ value: 'c' }] })).rejects.toThrow('Not authorized')
      kafka.clearFaults()
      await producer.disconnect()
    })

    test('an answer that comes too late is a timeout of the client', async () => {
      await using kafka = await embeddedKafka({ topics: ['t'] })
      const impatient = new Kafka({
        brokers: [kafka.bootstrapServers],
        logLevel: 0,
        requestTimeout: 100,
        retry: { retries: 0 },
      })
      const producer = impatient.producer()
      await producer.connect()
      await producer.send({ topic: 't', messages: [{ value: 'in time' }] })
      const slow = kafka.inject({ api: 'Produce', latencyMs: 60_000, times: 1 })
      await expect(producer.send({ topic: 't', messages: [{ value: 'late' }] })).rejects.toThrow(/timed out/)
      expect(slow.hits).toBe(1)
      await producer.disconnect()
    })

    test('a session runs out when the clock of the test says so', async () => {
      const clock = new ManualClock({ now: Date.now() })
      await using kafka = await embeddedKafka({ clock, topics: ['t'] })
      const client = connect(kafka.bootstrapServers)
      const admin = client.admin()
      await admin.connect()
      const consumer = client.consumer({
        ...quickGroup,
        groupId: 'g',
        sessionTimeout: 30_000,
        heartbeatInterval: 20_000,
      })
      await consumer.connect()
      await consumer.subscribe({ topic: 't', fromBeginning: true })
      await consumer.run({ eachMessage: async () => {} })
      const members = async () => (await admin.describeGroups(['g'])).groups[0]?.members.length
      while ((await members()) !== 1);
      await clock.advanceAsync(29_000)
      expect(await members()).toBe(1)
      await clock.advanceAsync(2_000)
      expect(await members()).toBe(0)
      await consumer.disconnect()
      await admin.disconnect()
    })
  })
}
