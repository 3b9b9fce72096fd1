import { KafkaConsumer } from '@millrace/kafka'
import { expect, test } from 'vitest'
import { type EmbeddedKafka, embeddedKafka } from '../../src/kafka/index.ts'

const quick = { reconnectBackoffMs: 1, reconnectBackoffMaxMs: 20, retryBackoffMs: 1, retryBackoffMaxMs: 20 }

async function describe(kafka: EmbeddedKafka, topic: string) {
  const [described] = await kafka.admin(quick).describeTopics([topic])
  return (described?.partitions ?? []).map(({ leader, leaderEpoch, replicas, isr }) => ({
    leader,
    leaderEpoch,
    replicas: replicas.join(),
    isr: isr.join(),
  }))
}

test('brokers have ids, ports and their share of the partitions', async () => {
  await using kafka = await embeddedKafka({ brokers: 3, topics: [{ topic: 't', partitions: 4 }] })
  expect(kafka.bootstrapServers.split(',')).toEqual(kafka.brokers.map(({ port }) => `127.0.0.1:${port}`))
  const cluster = await kafka.admin().describeCluster()
  expect(cluster.brokers.map(({ nodeId, port }) => [nodeId, port])).toEqual(
    kafka.brokers.map(({ nodeId, port }) => [nodeId, port]),
  )
  expect(cluster.controllerId).toBe(0)
  expect(await describe(kafka, 't')).toEqual([
    { leader: 0, leaderEpoch: 0, replicas: '0,1,2', isr: '0,1,2' },
    { leader: 1, leaderEpoch: 0, replicas: '1,2,0', isr: '1,2,0' },
    { leader: 2, leaderEpoch: 0, replicas: '2,0,1', isr: '2,0,1' },
    { leader: 0, leaderEpoch: 0, replicas: '0,1,2', isr: '0,1,2' },
  ])
})

test('when a broker fails others lead what it led, in the next epoch, until it is back', async () => {
  await using kafka = await embeddedKafka({ brokers: 3, topics: [{ topic: 't', partitions: 2 }] })
  const [first, second] = kafka.brokers
  await second?.fail()
  expect(second?.isRunning).toBe(false)
  expect((await kafka.admin().describeCluster()).brokers.map(({ nodeId }) => nodeId)).toEqual([0, 2])
  expect(await describe(kafka, 't')).toEqual([
    { leader: 0, leaderEpoch: 0, replicas: '0,1,2', isr: '0,2' },
    { leader: 2, leaderEpoch: 1, replicas: '1,2,0', isr: '2,0' },
  ])
  await first?.shutdown()
  expect((await kafka.admin(quick).describeCluster()).controllerId).toBe(2)
  await kafka.createTopic('made-meanwhile', { partitions: 3 })
  expect(await describe(kafka, 'made-meanwhile')).toMatchObject([{ leader: 2 }, { leader: 2 }, { leader: 2 }])
  await first?.restore()
  await second?.restore()
  expect(await describe(kafka, 't')).toEqual([
    { leader: 0, leaderEpoch: 2, replicas: '0,1,2', isr: '0,1,2' },
    { leader: 1, leaderEpoch: 2, replicas: '1,2,0', isr: '1,2,0' },
  ])
})

test('a partition whose only replica is away has no leader, and comes back', async () => {
  await using kafka = await embeddedKafka({ brokers: 2 })
  await kafka.createTopic('single', { replicationFactor: 1 })
  await kafka.produce('single', 'before')
  const leader = kafka.leaderOf('single')
  await leader?.fail()
  expect(kafka.leaderOf('single')).toBeUndefined()
  expect(await describe(kafka, 'single')).toMatchObject([{ leader: -1, leaderEpoch: 1, isr: String(leader?.nodeId) }])
  const producer = kafka.producer({ ...quick, deliveryTimeoutMs: 100, requestTimeoutMs: 50, lingerMs: 0 })
  await expect(producer.send({ topic: 'single', value: 'during' })).rejects.toThrow()
  await leader?.restore()
  await kafka.produce('single', 'after')
  expect((await kafka.records('single')).map(({ value }) => value)).toEqual(['before', 'after'])
})

test('more replicas than brokers, and assignments to brokers that there are not, are refused', async () => {
  await using kafka = await embeddedKafka({ brokers: 2 })
  await expect(kafka.createTopic('t', { replicationFactor: 3 })).rejects.toMatchObject({
    code: 'KAFKA_INVALID_REPLICATION_FACTOR',
  })
})

test.each([
  ['classic', { groupProtocol: 'classic', heartbeatIntervalMs: 50 }],
  ['KIP-848', { groupProtocol: 'consumer' }],
] as const)('a producer loses and doubles nothing, whatever brokers do; a %s group reads all', async (_, group) => {
  await using kafka = await embeddedKafka({ brokers: 3, topics: [{ topic: 't', partitions: 6 }] })
  const producer = kafka.producer({ ...quick, lingerMs: 0 })
  const consumer = kafka.consumer({ ...quick, ...group, groupId: 'g', fetchMaxWaitMs: 20 })
  consumer.subscribe(['t'])
  const consumed = new Set<string>()
  const total = 600
  const reading = (async () => {
    while (consumed.size < total) {
      for (const { value } of await consumer.poll(50)) consumed.add(String(value))
    }
  })()
  const sent: Promise<unknown>[] = []
  const steps: Record<number, () => Promise<void> | undefined> = {
    100: () => kafka.brokers[0]?.fail(),
    200: () => kafka.brokers[1]?.shutdown(),
    300: () => kafka.brokers[0]?.restore(),
    400: () => kafka.coordinatorOf('g')?.fail(),
    500: async () => {
      await Promise.all(kafka.brokers.map((broker) => broker.restore()))
      kafka.moveLeader('t', 0, kafka.brokers[2] as (typeof kafka.brokers)[number])
    },
  }
  for (let i = 0; i < total; i++) {
    await steps[i]?.()
    sent.push(producer.send({ topic: 't', key: `key-${i % 20}`, value: `${i}` }))
    if (i % 10 === 0) await sent.at(-1)
  }
  await Promise.all(sent)
  await reading
  const records = await kafka.records('t')
  expect(records).toHaveLength(total)
  const byKey = Map.groupBy(records, ({ key }) => key)
  for (const ofKey of byKey.values()) {
    const numbers = ofKey.map(({ value }) => Number(value))
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  }
})

test('a transaction survives the failure of its coordinator and of a leader', async () => {
  await using kafka = await embeddedKafka({ brokers: 3, topics: [{ topic: 't', partitions: 3 }] })
  const producer = kafka.producer({ ...quick, transactionalId: 'tx' })
  await producer.initTransactions()
  for (const round of [0, 1, 2]) {
    producer.beginTransaction()
    await Promise.all([0, 1, 2].map((partition) => producer.send({ topic: 't', partition, value: `${round}` })))
    const coordinator = kafka.transactionCoordinatorOf('tx')
    await (round === 1 ? kafka.leaderOf('t', 0) : coordinator)?.fail()
    await producer.commitTransaction()
    await Promise.all(kafka.brokers.map((broker) => broker.restore()))
  }
  const records = await kafka.records('t')
  expect(records.map(({ partition, value }) => `${partition}:${value}`)).toEqual(
    [0, 1, 2].flatMap((partition) => [0, 1, 2].map((round) => `${partition}:${round}`)),
  )
})

test('the wrong broker refuses, and only the right one lists', async () => {
  await using kafka = await embeddedKafka({ brokers: 3, topics: [{ topic: 't', partitions: 3 }] })
  const groupIds = Array.from({ length: 12 }, (_, i) => `group-${i}`)
  const admin = kafka.admin()
  for (const groupId of groupIds) await admin.alterOffsets(groupId, [{ topic: 't', partition: 0, offset: 0 }])
  const coordinators = new Set(groupIds.map((groupId) => kafka.coordinatorOf(groupId)?.nodeId))
  expect([...coordinators].sort()).toEqual([0, 1, 2])
  // Each broker tells of its own groups, so asking all of them finds each once.
  const listed = await admin.listGroups()
  expect(listed.map(({ groupId }) => groupId).sort()).toEqual(groupIds.toSorted())
  const descriptions = await admin.describeGroups(groupIds)
  expect(descriptions.map(({ state }) => state)).toEqual(groupIds.map(() => 'Empty'))
  await admin.deleteGroups(groupIds)
  expect(await admin.listGroups()).toEqual([])
})

test('a consumer that knows an old leader is led to the new one without a pause', async () => {
  await using kafka = await embeddedKafka({ brokers: 2, topics: ['t'] })
  await kafka.produce('t', 'before')
  // No metadata is asked for in the meantime: what is told with the refusal (KIP-951) has to do.
  const consumer = kafka.consumer({ ...quick, fetchMaxWaitMs: 20 })
  consumer.assign([{ topic: 't', partition: 0 }])
  consumer.seekToBeginning()
  expect(await consumer.poll(5_000)).toHaveLength(1)
  const follower = kafka.brokers.find((broker) => broker !== kafka.leaderOf('t'))
  kafka.moveLeader('t', 0, follower as NonNullable<typeof follower>)
  await kafka.produce('t', 'after')
  let values: string[] = []
  while (values.length === 0) values = (await consumer.poll(1_000)).map(({ value }) => String(value))
  expect(values).toEqual(['after'])
  expect(() => kafka.moveLeader('t', 7, kafka.brokers[0] as NonNullable<typeof follower>)).toThrow('cannot lead t-7')
})

test('a client that only knows the broker that failed finds the others once it is back', async () => {
  await using kafka = await embeddedKafka({ brokers: 2, topics: ['t'] })
  const [first] = kafka.brokers
  await first?.fail()
  const consumer = new KafkaConsumer({ ...quick, bootstrapServers: `127.0.0.1:${first?.port}` })
  const asked = consumer.partitionsFor('t')
  await first?.restore()
  expect((await asked).partitions).toHaveLength(1)
  await consumer.close()
})
