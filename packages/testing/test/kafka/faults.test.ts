import { isRetriable } from '@millrace/kafka'
import { describe, expect, test } from 'vitest'
import { embeddedKafka, type Fault } from '../../src/kafka/index.ts'

test('an error is answered as often as it was asked for; the client goes on', async () => {
  await using kafka = await embeddedKafka({ topics: ['t'] })
  const fault = kafka.inject({ api: 'Produce', error: 'NOT_LEADER_OR_FOLLOWER', times: 2, after: 1 })
  const producer = kafka.producer({ retryBackoffMs: 1 })
  for (const value of ['a', 'b', 'c']) await producer.send({ topic: 't', value })
  expect(fault.hits).toBe(2)
  expect((await kafka.records('t')).map(({ value }) => value)).toEqual(['a', 'b', 'c'])
})

test('an error of one topic leaves the others alone, in one and the same request', async () => {
  await using kafka = await embeddedKafka({ topics: ['good', 'bad'] })
  const producer = kafka.producer({ lingerMs: 5, retryBackoffMs: 1 })
  await Promise.all([producer.send({ topic: 'good', value: '0' }), producer.send({ topic: 'bad', value: '0' })])
  kafka.inject({ api: 'Produce', topic: 'bad', error: 'TOPIC_AUTHORIZATION_FAILED' })
  const [good, bad] = await Promise.allSettled([
    producer.send({ topic: 'good', value: '1' }),
    producer.send({ topic: 'bad', value: '1' }),
  ])
  expect(good.status).toBe('fulfilled')
  expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'KAFKA_TOPIC_AUTHORIZATION_FAILED' } })
  expect(isRetriable((bad as PromiseRejectedResult).reason)).toBe(false)
  expect(await kafka.records('good')).toHaveLength(2)
  expect(await kafka.records('bad')).toHaveLength(1)
})

test('a fetch in a session learns of an error of its topic', async () => {
  await using kafka = await embeddedKafka({ topics: ['quiet', 't'] })
  await kafka.produce('t', 'a')
  const consumer = kafka.consumer({ fetchMaxWaitMs: 20, retryBackoffMs: 1 })
  consumer.assign([
    { topic: 't', partition: 0 },
    { topic: 'quiet', partition: 0 },
  ])
  consumer.seekToBeginning()
  expect(await consumer.poll(5_000)).toHaveLength(1)
  const fault = kafka.inject({ api: 'Fetch', topic: 't', error: 'NOT_LEADER_OR_FOLLOWER', times: 3 })
  const hit = fault.whenHit(3)
  await kafka.produce('t', 'b')
  const values: string[] = []
  while (values.length < 1) for (const { value } of await consumer.poll(1_000)) values.push(String(value))
  await hit
  expect(values).toEqual(['b'])
})

test('who waits for a fault that hits nothing is told so', async () => {
  await using kafka = await embeddedKafka()
  using fault = kafka.inject({ api: 'EndTxn', error: 'NOT_COORDINATOR', times: 1 })
  await expect(fault.whenHit(1, { timeoutMs: 1 })).rejects.toMatchObject({ code: 'TESTING_WAITED_IN_VAIN' })
  await expect(fault.whenHit(2, { timeoutMs: 1 })).rejects.toThrow('0 of 2 requests')
})

describe('a cut connection', () => {
  test.each([
    ['before', 0],
    ['after', 1],
  ] as const)('%s the request is processed', async (disconnect, written) => {
    await using kafka = await embeddedKafka({ topics: ['t'] })
    const producer = kafka.producer({ enableIdempotence: false, retries: 0 })
    await producer.send({ topic: 't', value: 'first' })
    kafka.inject({ api: 'Produce', disconnect, times: 1 })
    await expect(producer.send({ topic: 't', value: 'second' })).rejects.toThrow()
    expect(await kafka.records('t')).toHaveLength(1 + written)
  })

  test('an idempotent producer whose answers are lost writes nothing twice', async () => {
    await using kafka = await embeddedKafka({ topics: ['t'] })
    const fault = kafka.inject({ api: 'Produce', disconnect: 'after', times: 3 })
    const producer = kafka.producer({ reconnectBackoffMs: 1, retryBackoffMs: 1 })
    for (const value of ['a', 'b', 'c']) await producer.send({ topic: 't', value })
    expect(fault.hits).toBe(3)
    expect((await kafka.records('t')).map(({ value }) => value)).toEqual(['a', 'b', 'c'])
  })
})

test('latency holds answers back, not the work', async () => {
  await using kafka = await embeddedKafka({ topics: ['t'] })
  const producer = kafka.producer()
  await producer.send({ topic: 't', value: 'first' })
  const order: string[] = []
  const fault = kafka.inject({ api: 'Produce', latencyMs: 300 })
  const sent = producer.send({ topic: 't', value: 'second' }).then(() => order.push('answered'))
  await kafka.waitFor('t', 2)
  order.push('written')
  await sent
  expect(order).toEqual(['written', 'answered'])
  expect(fault.hits).toBe(1)
})

test('faults go away: by themselves, removed, at the end of a block, all at once', async () => {
  await using kafka = await embeddedKafka({ topics: ['t'] })
  const producer = kafka.producer({ retries: 0, enableIdempotence: false })
  const error = 'CLUSTER_AUTHORIZATION_FAILED'
  const isRefused = async () => {
    const [{ status }] = await Promise.allSettled([producer.send({ topic: 't', value: 'x' })])
    return status === 'rejected'
  }
  const first = kafka.inject({ api: 'Produce', error })
  expect(await isRefused()).toBe(true)
  first.remove()
  expect(await isRefused()).toBe(false)
  {
    using _ = kafka.inject({ api: ['Fetch', 'Produce'], error })
    expect(await isRefused()).toBe(true)
  }
  expect(await isRefused()).toBe(false)
  kafka.inject({ api: 'Produce', error, clientId: 'somebody-else' })
  expect(await isRefused()).toBe(false)
  kafka.inject({ api: 'Produce', error })
  kafka.clearFaults()
  expect(await isRefused()).toBe(false)
})

test('the helpers of the kit are spared', async () => {
  await using kafka = await embeddedKafka({ topics: ['t'] })
  kafka.inject({ api: ['Produce', 'Fetch', 'Metadata', 'ListOffsets'], disconnect: 'before' })
  await kafka.produce('t', 'x')
  expect(await kafka.records('t')).toHaveLength(1)
})

test.each([
  [{ api: 'Prodoce', error: 'NOT_LEADER_OR_FOLLOWER' }, "Kafka has no API 'Prodoce'", "Did you mean 'Produce'?"],
  [{ api: 'Produce', error: 'NOT_COORDINATR' }, "'NOT_COORDINATR' is no error", "Did you mean 'NOT_COORDINATOR'?"],
  [{ api: 'Produce', error: 'NONE' }, "'NONE' is no error", 'docs/errors.md'],
  [{ api: 'Produce' }, 'does nothing', "'error'"],
  [{ api: 'Produce', error: 'NOT_COORDINATOR', times: 0 }, 'cannot hit 0 requests after 0', 'from 1 on'],
  [{ api: 'Heartbeat', topic: 't', disconnect: 'after' }, 'name no topics', "Leave 'topic' out."],
])('a fault that makes no sense: %j', async (fault, message, fix) => {
  await using kafka = await embeddedKafka()
  let refusal: unknown
  try {
    kafka.inject(fault as Fault)
  } catch (cause) {
    refusal = cause
  }
  expect(refusal).toMatchObject({
    code: 'TESTING_FAULT_INVALID',
    message: expect.stringContaining(message),
    fix: expect.stringContaining(fix),
  })
})

test('a fault of one broker leaves the others alone', async () => {
  await using kafka = await embeddedKafka({ brokers: 2, topics: [{ topic: 't', partitions: 2 }] })
  kafka.inject({ api: 'Produce', broker: 1, error: 'TOPIC_AUTHORIZATION_FAILED' })
  const producer = kafka.producer()
  const [first, second] = await Promise.allSettled(
    [0, 1].map((partition) => producer.send({ topic: 't', partition, value: 'x' })),
  )
  expect(kafka.leaderOf('t', 1)?.nodeId).toBe(1)
  expect([first?.status, second?.status]).toEqual(['fulfilled', 'rejected'])
})
