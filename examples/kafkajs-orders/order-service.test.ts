import type { Kafka } from 'kafkajs'
import { type EmbeddedKafka, embeddedKafka } from 'millrace/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { npmPackage } from '../../test/compat/peers.ts'
import { type Order, startOrderService, topics } from './order-service.ts'

// kafkajs is no dependency of this repository; a project of yours would import it.
const kafkajs = npmPackage<{ Kafka: typeof Kafka }>('kafkajs', '2.2.4')

describe.skipIf(!kafkajs.available)('the order service', () => {
  let kafka: EmbeddedKafka
  let stop: () => Promise<void>

  beforeAll(async () => {
    kafka = await embeddedKafka({ topics: Object.values(topics) })
  })
  afterAll(() => kafka.close())

  beforeEach(async () => {
    if (!kafkajs.available) return
    const client = new kafkajs.value.Kafka({ brokers: [kafka.bootstrapServers], logLevel: 0 })
    stop = await startOrderService(client)
  })
  afterEach(async () => {
    await stop()
    await kafka.reset()
  })

  const tea: Order = { id: '1', customer: 'ada', items: [{ name: 'tea', price: 4, count: 2 }] }

  test('an order becomes an invoice', async () => {
    await kafka.produce(topics.orders, JSON.stringify(tea))
    const [invoice] = await kafka.waitFor(topics.invoices, 1, { as: 'json' })
    expect(invoice).toMatchObject({ key: '1', value: { order: '1', customer: 'ada', price: 8 } })
    expect(await kafka.records(topics.rejected)).toEqual([])
  })

  test('what cannot be delivered is put aside, with the reason', async () => {
    await kafka.produce(topics.orders, JSON.stringify({ ...tea, items: [{ name: 'tea', price: 4, count: -1 }] }))
    const [rejected] = await kafka.waitFor(topics.rejected, 1, { as: 'json' })
    expect(rejected?.value).toEqual({ order: '1', reason: '-1 of tea cannot be delivered' })
  })

  test('one invoice for one order, even if the answer to it is lost', async () => {
    const lost = kafka.inject({ api: 'Produce', topic: topics.invoices, disconnect: 'after', times: 1 })
    await kafka.produce(
      topics.orders,
      [tea, { ...tea, id: '2' }].map((order) => JSON.stringify(order)),
    )
    const invoices = await kafka.waitFor(topics.invoices, (records) => records.some(({ key }) => key === '2'))
    expect(lost.hits).toBe(1)
    expect(invoices.map(({ key }) => key)).toEqual(['1', '2'])
  })
})
