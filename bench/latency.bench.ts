/**
 * Produce → job → consume at 1,000 records a second with durable acknowledgements: the time from `send` to the record's
 * copy at a consumer. The limit is the same without the job (produce → consume), in the same run.
 *
 *   npm run bench -- latency
 */
import { text } from '@millrace/connectors/formats'
import { kafkaSink, kafkaSource } from '@millrace/connectors/kafka'
import { executeJob, job } from '@millrace/engine'
import { KafkaAdmin, KafkaConsumer, KafkaProducer } from '@millrace/kafka'
import { bytesToString } from '@millrace/std'
import { startBrokerThread } from './broker-thread.ts'

const RATE = 1000
const SECONDS = 8
const WARM_UP = 1000
/** When nothing has come for so long, something is lost or has failed. */
const PATIENCE_MS = 10_000
const broker = await startBrokerThread({ data: 'disk' })
const { bootstrapServers } = broker
const admin = new KafkaAdmin({ bootstrapServers })
await admin.createTopics(['in', 'out'].map((topic) => ({ topic, partitions: 1 })))

const upper = job('upper', (env) => {
  env
    .fromSource(kafkaSource({ topic: 'in', value: text(), start: 'latest' }))
    .map((value) => value.toUpperCase())
    .sinkTo(kafkaSink({ topic: 'out', value: text() }))
})

/** Sends at the rate into `in` and takes the time until the record appears in `topic`. */
async function latencies(topic: string): Promise<number[]> {
  const count = RATE * SECONDS
  const found: number[] = []
  await using consumer = new KafkaConsumer({ bootstrapServers })
  await using producer = new KafkaProducer({ bootstrapServers, lingerMs: 0 })
  consumer.assign([{ topic, partition: 0 }])
  consumer.seekToEnd()
  await consumer.position({ topic, partition: 0 })
  const start = performance.now()
  const reading = (async () => {
    while (found.length < count) {
      const records = await consumer.poll(PATIENCE_MS)
      if (records.length === 0) throw new Error(`${topic}: ${found.length} of ${count} records came, and then no more`)
      for (const { value } of records) {
        found.push(performance.now() - Number(bytesToString(value as Uint8Array).split('|')[0]))
      }
    }
  })()
  for (let sent = 0; sent < count; ) {
    const due = Math.min(count, Math.floor(((performance.now() - start) * RATE) / 1000))
    for (; sent < due; sent++) void producer.send({ topic: 'in', value: `${performance.now()}|${'x'.repeat(180)}` })
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await reading
  return found.slice(WARM_UP).sort((a, b) => a - b)
}

const at = (sorted: number[], q: number) => (sorted[Math.floor(sorted.length * q)] as number).toFixed(2)
const row = (sorted: number[]) => `p50 ${at(sorted, 0.5)}  p99 ${at(sorted, 0.99)}  max ${at(sorted, 0.9999)} ms`

const direct = await latencies('in')
const handle = await executeJob(upper, { settings: { 'bootstrap.servers': bootstrapServers } })
const through = await Promise.race([
  latencies('out'),
  handle.result.then((result) => {
    throw new Error('the job ended before it was stopped', { cause: result })
  }),
])
await handle.stop()
console.log(`produce → consume:        ${row(direct)}`)
console.log(`produce → job → consume:  ${row(through)}   (to reach: p50 3, p99 15)`)
await admin.close()
await broker.close()
