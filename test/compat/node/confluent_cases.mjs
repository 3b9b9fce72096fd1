// librdkafka through @confluentinc/kafka-javascript.
import { bootstrap, Skipped, equal, failure, fresh, load, main, test, until, values } from './judge.mjs'

const { Kafka, ErrorCodes } = load('@confluentinc/kafka-javascript').KafkaJS
const kafka = new Kafka({ kafkaJS: { brokers: [bootstrap], logLevel: 0 } })

async function createTopic(stem, partitions) {
  const topic = fresh(stem)
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }] })
  await until('the topic is listed', async () => (await admin.listTopics()).includes(topic), 10_000)
  await admin.disconnect()
  return topic
}

const consumerOf = (groupId, protocol) =>
  kafka.consumer({
    kafkaJS: { groupId, fromBeginning: true, autoCommit: false },
    'group.protocol': protocol,
    ...(protocol === 'classic' ? { 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 300 } : {}),
  })

async function read(topic, count) {
  const consumer = consumerOf(fresh('reader'), 'classic')
  await consumer.connect()
  await consumer.subscribe({ topic })
  const received = []
  await consumer.run({ eachMessage: async ({ message }) => void received.push(message.value.toString()) })
  await until(`${count} records`, () => received.length >= count)
  await consumer.disconnect()
  return received
}

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  test(`@confluentinc/kafka-javascript: produces and consumes, compression ${compression}`, async () => {
    const topic = await createTopic('codec', 1)
    const producer = kafka.producer({ kafkaJS: { idempotent: true }, 'compression.type': compression })
    try {
      await producer.connect()
    } catch (error) {
      throw /not available at build time/.test(error.message) ? new Skipped(error.message) : error
    }
    const sent = values('value', 300)
    await producer.send({
      topic,
      messages: sent.map((value, i) => ({ key: `key-${i}`, value, headers: { origin: 'judge' } })),
    })
    await producer.disconnect()
    equal(await read(topic, 300), sent, 'values')
  })
}

test('@confluentinc/kafka-javascript: transactions commit and abort', async () => {
  const topic = await createTopic('txn', 1)
  const producer = kafka.producer({ kafkaJS: { transactionalId: fresh('id') } })
  await producer.connect()
  for (const [value, commit] of [
    ['first', true],
    ['never', false],
    ['second', true],
  ]) {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value, partition: 0 }] })
    await (commit ? transaction.commit() : transaction.abort())
  }
  await producer.disconnect()
  equal(await read(topic, 2), ['first', 'second'], 'committed values')
})

test('@confluentinc/kafka-javascript: a transactional timeout over the cap', async () => {
  const producer = kafka.producer({ kafkaJS: { transactionalId: fresh('id'), transactionTimeout: 3_600_000 } })
  const error = await failure(producer.connect())
  equal(error.code, ErrorCodes.ERR_INVALID_TRANSACTION_TIMEOUT, 'error')
})

for (const protocol of ['classic', 'consumer']) {
  test(`@confluentinc/kafka-javascript: group protocol ${protocol}: two members share, offsets are kept`, async () => {
    const topic = await createTopic('group', 4)
    const groupId = fresh('group')
    const received = [[], []]
    const members = [0, 1].map(() => consumerOf(groupId, protocol))
    for (const [i, member] of members.entries()) {
      await member.connect()
      await member.subscribe({ topic })
      await member.run({ eachMessage: async ({ message }) => void received[i].push(message.value.toString()) })
    }
    await until('two partitions each', () => members.every((member) => member.assignment().length === 2))
    const producer = kafka.producer()
    await producer.connect()
    const sent = values('value', 200)
    await producer.send({ topic, messages: sent.map((value, i) => ({ value, partition: i % 4 })) })
    await producer.disconnect()
    await until('all records', () => received.flat().length >= 200)
    equal(received.flat().sort(), [...sent].sort(), 'values')
    equal([received[0].length, received[1].length], [100, 100], 'shares')
    await members[0].commitOffsets([0, 1, 2, 3].map((partition) => ({ topic, partition, offset: '50' })))
    for (const member of members) await member.disconnect()
    const admin = kafka.admin()
    await admin.connect()
    const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] })
    equal(
      offsets.partitions.map(({ offset }) => offset),
      ['50', '50', '50', '50'],
      'committed offsets',
    )
    await admin.deleteGroups([groupId])
    await admin.disconnect()
  })
}

test('@confluentinc/kafka-javascript admin: topics, offsets, groups, records', async () => {
  const topic = await createTopic('admin', 2)
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic, messages: values('v', 10).map((value) => ({ value, partition: 0 })) })
  await producer.disconnect()
  const admin = kafka.admin()
  await admin.connect()
  const offsets = await admin.fetchTopicOffsets(topic)
  equal(offsets.find(({ partition }) => partition === 0).high, '10', 'end')
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] })
  equal((await admin.fetchTopicOffsets(topic)).find(({ partition }) => partition === 0).low, '4', 'start')
  const metadata = await admin.fetchTopicMetadata({ topics: [topic] })
  equal((metadata.topics ?? metadata)[0].partitions.length, 2, 'partitions')
  await admin.listGroups()
  await admin.deleteTopics({ topics: [topic] })
  await until('gone', async () => !(await admin.listTopics()).includes(topic), 10_000)
  await admin.disconnect()
})

await main()
