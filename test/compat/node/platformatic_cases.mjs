// @platformatic/kafka: producers, consumers, groups, admin.
import { bootstrap, equal, fresh, load, main, sleep, test, until, values } from './judge.mjs'

const kafka = load('@platformatic/kafka')
const options = () => ({ clientId: 'judge', bootstrapBrokers: [bootstrap] })

// A connection that ends while the client closes throws where nobody can catch it, against Apache Kafka as well.
process.on('uncaughtException', (error) => {
  if (!/connection closed/i.test(String(error?.message))) throw error
})

async function createTopic(topic, partitions) {
  const admin = new kafka.Admin(options())
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
  // A real cluster answers from metadata that follow a moment later.
  await until('the topic is listed', async () => (await admin.listTopics()).includes(topic), 10_000)
  await admin.close()
}

async function send(topic, sent, extra) {
  const producer = new kafka.Producer({ ...options(), serializers: kafka.stringSerializers, ...extra })
  await producer.send({ messages: sent.map((value, i) => ({ topic, key: `key-${i}`, value })) })
  await producer.close()
}

for (const [name, extra] of [
  ['plain', {}],
  ['idempotent', { idempotent: true }],
  ['zstd', { compression: 'zstd' }],
  ['snappy', { compression: 'snappy' }],
  ['lz4', { compression: 'lz4' }],
  ['gzip', { compression: 'gzip' }],
]) {
  test(`@platformatic/kafka: produces and consumes (${name})`, async () => {
    const topic = fresh('round-trip')
    await createTopic(topic, 3)
    const sent = values('value', 200)
    await send(topic, sent, extra)
    const consumer = new kafka.Consumer({
      ...options(),
      groupId: fresh('reader'),
      deserializers: kafka.stringDeserializers,
    })
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: true })
    // A set: against Apache Kafka as well, this client now and then hands a record out twice.
    const received = new Set()
    for await (const message of stream) {
      received.add(message.value)
      if (received.size === sent.length) break
    }
    await consumer.close(true)
    equal([...received].sort(), sent.sort(), 'values')
  })
}

test('@platformatic/kafka: shares a group between two members', async () => {
  const topic = fresh('group')
  await createTopic(topic, 4)
  const sent = values('value', 400)
  const groupId = fresh('members')
  const consumers = [0, 1].map(
    () =>
      new kafka.Consumer({ ...options(), groupId, deserializers: kafka.stringDeserializers, sessionTimeout: 10_000 }),
  )
  const received = new Set()
  const readers = consumers.map(async (consumer) => {
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: true })
    for await (const message of stream) received.add(message.value)
  })
  await send(topic, sent, {})
  await until('all records', () => received.size === sent.length)
  // One after the other: a client that is closed while its group rebalances throws where nobody can catch it.
  await consumers[0].close(true)
  await sleep(4000)
  await consumers[1].close(true)
  await Promise.allSettled(readers)
  equal([...received].sort(), sent.sort(), 'values')
})

await main()
