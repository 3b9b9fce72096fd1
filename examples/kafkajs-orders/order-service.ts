/**
 * A service as one finds it in many teams: it reads orders, checks them, and writes an invoice for each that can be
 * delivered; what cannot be goes to a topic for people to look at. It knows nothing of tests.
 */
import type { Kafka } from 'kafkajs'

export interface Order {
  readonly id: string
  readonly customer: string
  readonly items: readonly { readonly name: string; readonly price: number; readonly count: number }[]
}

export const topics = { orders: 'orders', invoices: 'invoices', rejected: 'orders.rejected' } as const

/** The sum that is to be paid, or why the order cannot be delivered. */
export function priceOf({ items }: Order): number | string {
  if (items.length === 0) return 'there is nothing in it'
  const impossible = items.find(({ count }) => !Number.isInteger(count) || count < 1)
  if (impossible) return `${impossible.count} of ${impossible.name} cannot be delivered`
  return items.reduce((sum, { price, count }) => sum + price * count, 0)
}

/** Begins to work off orders. What it returns stops it. */
export async function startOrderService(kafka: Kafka): Promise<() => Promise<void>> {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  // A fetch that waits for more holds up the service when it stops.
  const consumer = kafka.consumer({ groupId: 'order-service', maxWaitTimeInMs: 200 })
  await producer.connect()
  await consumer.connect()
  await consumer.subscribe({ topic: topics.orders, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      const order = JSON.parse(String(message.value)) as Order
      const price = priceOf(order)
      const [topic, value] =
        typeof price === 'number'
          ? [topics.invoices, { order: order.id, customer: order.customer, price }]
          : [topics.rejected, { order: order.id, reason: price }]
      await producer.send({ topic, acks: -1, messages: [{ key: order.id, value: JSON.stringify(value) }] })
    },
  })
  return async () => {
    await consumer.disconnect()
    await producer.disconnect()
  }
}
