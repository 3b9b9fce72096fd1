import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { embeddedKafka } from '../../src/kafka/index.ts'

test('what is produced is there, by partition and offset, in the form that was asked for', async () => {
  await using kafka = await embeddedKafka({ topics: [{ topic: 'orders', partitions: 2 }] })
  const written = await kafka.produce('orders', [
    { partition: 1, value: '{"id":1}', key: 'k', headers: { h: 'v', none: null }, timestamp: 5_000 },
    { partition: 0, value: new Uint8Array([104, 105]) },
    { partition: 0, value: null },
  ])
  expect(written.map(({ partition, offset }) => [partition, offset])).toEqual([
    [1, 0],
    [0, 0],
    [0, 1],
  ])
  const records = await kafka.records('orders')
  expect(records.map(({ partition, offset, value }) => [partition, offset, value])).toEqual([
    [0, 0, 'hi'],
    [0, 1, null],
    [1, 0, '{"id":1}'],
  ])
  expect(records[2]).toMatchObject({ topic: 'orders', key: 'k', timestamp: 5_000, headers: { h: 'v', none: null } })
  expect((await kafka.records('orders', { as: 'bytes' }))[0]?.value).toEqual(Buffer.from('hi'))
  await expect(kafka.records('orders', { as: 'json' })).rejects.toMatchObject({ code: 'TESTING_NOT_JSON' })
  await kafka.produce('numbers', ['1', '[2]'])
  expect((await kafka.records('numbers', { as: 'json' })).map(({ value }) => value)).toEqual([1, [2]])
})

test('waitFor resolves when the records are there, or says in vain what is', async () => {
  await using kafka = await embeddedKafka()
  const waiting = kafka.waitFor('later', 2)
  await kafka.produce('later', 'one')
  await kafka.produce('later', 'two')
  expect((await waiting).map(({ value }) => value)).toEqual(['one', 'two'])
  const last = kafka.waitFor('later', (records) => records.at(-1)?.value === 'end')
  await kafka.produce('later', 'end')
  expect(await last).toHaveLength(3)
  await expect(kafka.waitFor('later', 4, { timeoutMs: 20 })).rejects.toMatchObject({
    code: 'TESTING_WAITED_IN_VAIN',
    message: expect.stringMatching(/later within 20 ms. There are 3 records, the last ones: one \| two \| end/),
  })
  await expect(kafka.waitFor('never', 1, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'TESTING_WAITED_IN_VAIN' })
})

test('records of transactions are told once they are committed', async () => {
  await using kafka = await embeddedKafka({ topics: ['t'] })
  const producer = kafka.producer({ transactionalId: 'tx' })
  await producer.initTransactions()
  producer.beginTransaction()
  await producer.send({ topic: 't', value: 'aborted' })
  await producer.abortTransaction()
  producer.beginTransaction()
  await producer.send({ topic: 't', value: 'committed' })
  expect(await kafka.records('t')).toEqual([])
  await producer.commitTransaction()
  expect((await kafka.records('t')).map(({ value }) => value)).toEqual(['committed'])
  const all = await kafka.records('t', { isolationLevel: 'read_uncommitted' })
  expect(all.map(({ value }) => value)).toEqual(['aborted', 'committed'])
})

test('what a group has committed', async () => {
  await using kafka = await embeddedKafka({ topics: [{ topic: 't', partitions: 2 }] })
  await kafka.produce('t', [
    { partition: 1, value: 'a' },
    { partition: 0, value: 'b' },
  ])
  expect(await kafka.committedOffsets('readers')).toEqual([])
  const consumer = kafka.consumer({ groupId: 'readers', enableAutoCommit: false })
  consumer.subscribe(['t'])
  let seen = 0
  while (seen < 2) seen += (await consumer.poll(1_000)).length
  await consumer.commit()
  const offsets = await kafka.committedOffsets('readers')
  expect(offsets.map(({ topic, partition, offset }) => [topic, partition, offset])).toEqual([
    ['t', 0, 1],
    ['t', 1, 1],
  ])
})

test.each(['classic', 'consumer'] as const)('a group is waited for (%s)', async (groupProtocol) => {
  await using kafka = await embeddedKafka({ topics: [{ topic: 't', partitions: 2 }] })
  await expect(kafka.waitForGroup('g', { timeoutMs: 20 })).rejects.toMatchObject({ code: 'TESTING_WAITED_IN_VAIN' })
  const consumers = [1, 2].map(() =>
    kafka.consumer({ groupId: 'g', groupProtocol, autoOffsetReset: 'latest', fetchMaxWaitMs: 20 }),
  )
  const seen: string[] = []
  let isOver = false
  const reading = consumers.map(async (consumer) => {
    consumer.subscribe(['t'])
    while (!isOver) for (const { value } of await consumer.poll(20)) seen.push(String(value))
  })
  await kafka.waitForGroup('g', { members: 2 })
  isOver = true
  await Promise.all(reading)
})

test('closing waits neither for brokers that are gone nor for faults', async () => {
  const kafka = await embeddedKafka({ brokers: 2, topics: ['t'] })
  const producer = kafka.producer()
  await producer.send({ topic: 't', value: 'x' })
  const consumer = kafka.consumer({ groupId: 'g' })
  consumer.subscribe(['t'])
  while ((await consumer.poll(50)).length === 0);
  kafka.inject({ api: ['LeaveGroup', 'OffsetCommit', 'Produce'], disconnect: 'before' })
  await Promise.all(kafka.brokers.map((broker) => broker.fail()))
  const never = producer.send({ topic: 't', value: 'y' })
  await Promise.all([kafka.close(), expect(never).rejects.toThrow()])
}, 10_000)

test('a reset leaves the address and the first topics, and nothing else', async () => {
  await using kafka = await embeddedKafka({ brokers: 2, topics: [{ topic: 'first', partitions: 3 }] })
  const { bootstrapServers } = kafka
  const clusterId = (await kafka.admin().describeCluster()).clusterId
  await kafka.produce('first', 'x')
  await kafka.produce('second', 'x')
  kafka.inject({ api: 'Metadata', disconnect: 'before' })
  await kafka.brokers[1]?.fail()
  await kafka.reset()
  expect(kafka.bootstrapServers).toBe(bootstrapServers)
  expect(await kafka.records('first')).toEqual([])
  const admin = kafka.admin()
  expect((await admin.listTopics()).map(({ topic }) => topic)).toEqual(['first'])
  const cluster = await admin.describeCluster()
  expect(cluster.brokers).toHaveLength(2)
  expect(cluster.clusterId).not.toBe(clusterId)
})

test('topics that are there are left alone', async () => {
  await using kafka = await embeddedKafka()
  await kafka.createTopic('t', { partitions: 2, configs: { 'cleanup.policy': 'compact' } })
  await kafka.createTopics(['t', 'u'])
  const [topic] = await kafka.admin().describeTopics(['t'])
  expect(topic?.partitions).toHaveLength(2)
})

test('once it is closed nothing keeps the process alive, even if the program forgets its clients', () => {
  const program = `
    import { embeddedKafka } from '@millrace/testing/kafka'
    {
      await using kafka = await embeddedKafka({ brokers: 2, topics: ['t'] })
      const consumer = kafka.consumer({ groupId: 'g' })
      consumer.subscribe(['t'])
      const producer = kafka.producer()
      await producer.send({ topic: 't', value: 'x' })
      while ((await consumer.poll(100)).length === 0);
      kafka.inject({ api: 'Heartbeat', latencyMs: 60_000 })
      await kafka.brokers[1].fail()
    }
    console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap' && name !== 'TTYWrap')))
  `
  const { stdout, status } = spawnSync(
    process.execPath,
    ['--conditions=millrace-source', '--input-type=module', '--eval', program],
    { cwd: import.meta.dirname, encoding: 'utf8', timeout: 25_000 },
  )
  expect(JSON.parse(stdout)).toEqual([])
  expect(status).toBe(0)
})

test('a topic that is not there has no records yet', async () => {
  await using kafka = await embeddedKafka()
  expect(await kafka.records('nowhere')).toEqual([])
})

test.each([0, 1.5, Number.NaN])('%s brokers are refused', async (brokers) => {
  await expect(embeddedKafka({ brokers })).rejects.toMatchObject({ code: 'TESTING_OPTION_INVALID' })
})

test('what is asked of a closed one is refused at once', async () => {
  const kafka = await embeddedKafka()
  await kafka.close()
  await kafka.close()
  const calls = [
    () => kafka.produce('t', 'x'),
    () => kafka.records('t'),
    () => kafka.waitFor('t', 1),
    () => kafka.reset(),
  ]
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'TESTING_CLOSED' })
})
