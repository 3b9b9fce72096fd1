import { expect, test } from 'vitest'
import { embeddedKafka, ManualClock } from '../../src/kafka/index.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

test('records go when their time is up', async () => {
  const clock = new ManualClock({ now: Date.now() })
  await using kafka = await embeddedKafka({ clock })
  await kafka.createTopic('t', { configs: { 'retention.ms': 7 * dayMs, 'file.delete.delay.ms': 0 } })
  await kafka.produce('t', 'old')
  await clock.advanceAsync(4 * dayMs)
  await kafka.produce('t', 'new')
  expect((await kafka.records('t')).map(({ value }) => value)).toEqual(['old', 'new'])
  await clock.advanceAsync(8 * dayMs)
  expect(await kafka.records('t')).toEqual([])
})

test('a member that is silent for its session timeout is out of the group', async () => {
  const clock = new ManualClock({ now: Date.now() })
  await using kafka = await embeddedKafka({ clock, topics: ['t'] })
  const consumer = kafka.consumer({ groupId: 'g', sessionTimeoutMs: 45_000, heartbeatIntervalMs: 10_000 })
  consumer.subscribe(['t'])
  const admin = kafka.admin()
  const state = async () => (await admin.describeGroups(['g']))[0]?.state
  while ((await state()) !== 'Stable') await consumer.poll(10)
  // In the real time that passes here no heartbeat is due.
  await clock.advanceAsync(44_000)
  expect(await state()).toBe('Stable')
  await clock.advanceAsync(2_000)
  expect(await state()).toBe('Empty')
  while ((await state()) !== 'Stable') await consumer.poll(10)
})

test('a transaction that takes too long is aborted, its producer fenced', async () => {
  const clock = new ManualClock({ now: Date.now() })
  await using kafka = await embeddedKafka({ clock, topics: ['t'] })
  const producer = kafka.producer({ transactionalId: 'tx', transactionTimeoutMs: 60_000 })
  await producer.initTransactions()
  producer.beginTransaction()
  await producer.send({ topic: 't', value: 'never committed' })
  await clock.advanceAsync(80_000)
  await kafka.produce('t', 'after')
  expect((await kafka.waitFor('t', 1)).map(({ value }) => value)).toEqual(['after'])
  await expect(producer.commitTransaction()).rejects.toMatchObject({ code: expect.stringMatching(/FENCED|EPOCH|TXN/) })
})

test('clients that stamp their records by another clock are not refused', async () => {
  const clock = new ManualClock({ now: Date.UTC(2001, 0) })
  await using kafka = await embeddedKafka({ clock })
  await kafka.produce('t', [{ value: 'of today', timestamp: Date.UTC(2026, 0) }, 'of then'])
  const [today, then] = await kafka.records('t')
  expect(today?.timestamp).toBe(Date.UTC(2026, 0))
  expect(then?.timestamp).toBe(Date.UTC(2001, 0))
})

test('fetches wait in real time, whatever the clock says', async () => {
  const clock = new ManualClock({ now: Date.now() })
  await using kafka = await embeddedKafka({ clock, topics: ['t'] })
  const consumer = kafka.consumer({ fetchMaxWaitMs: 10 })
  consumer.assign([{ topic: 't', partition: 0 }])
  expect(await consumer.poll(60)).toEqual([])
  await kafka.produce('t', 'x')
  expect(await consumer.poll(5_000)).toHaveLength(1)
})
