/**
 * The whole way: a durable broker in its own thread → TCP → our consumer → JSON bids in columns → filter → count per
 * auction and second. The limit is the same broker and consumer with nothing done to the bytes, in the same run.
 *
 *   npm run bench -- pipeline
 */
import { json } from '@millrace/connectors/formats'
import { kafkaSource } from '@millrace/connectors/kafka'
import { executeJob, field, job, tumbling } from '@millrace/engine'
import { KafkaAdmin, KafkaConsumer, KafkaProducer } from '@millrace/kafka'
import { bid, bidJson, FIRST_TIME } from './bids.ts'
import { startBrokerThread } from './broker-thread.ts'
import { countingSink } from './measure.ts'

const COUNT = 1_000_000
const ROUNDS = 3
const topic = 'bids'
const random = (() => {
  let state = 7
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return state / 0x8000_0000
  }
})()

const broker = await startBrokerThread({ data: 'disk', config: { flush: 'none' } })
const { bootstrapServers } = broker
const admin = new KafkaAdmin({ bootstrapServers })
await admin.createTopics([{ topic, partitions: 1 }])

const producer = new KafkaProducer({ bootstrapServers, batchSize: 256 * 1024, lingerMs: 5 })
const CHUNK = 10_000
for (let first = 0; first < COUNT; first += CHUNK) {
  const values = Array.from({ length: CHUNK }, (_, i) => Buffer.from(bidJson(first + i, random)))
  const offsets = new Int32Array(CHUNK + 1)
  values.forEach((value, i) => {
    offsets[i + 1] = (offsets[i] as number) + value.byteLength
  })
  const timestamps = Float64Array.from({ length: CHUNK }, (_, i) => FIRST_TIME + Math.floor((first + i) / 100))
  await producer.sendBatch({ topic, partition: 0, values: { data: Buffer.concat(values), offsets }, timestamps })
}
await producer.close()
console.log(`${COUNT} bids are in the log`)

const results = countingSink()

const pipeline = job('bids', (env) => {
  env
    .fromSource(kafkaSource({ topic, value: json(bid), stop: 'latest' }))
    .where(field('price').greaterThan(10_000))
    .keyBy('auction')
    .window(tumbling('1 s'))
    .count()
    .sinkTo(results.sink)
})

async function timed(work: () => Promise<void>): Promise<{ rate: number; cpu: number }> {
  let best = { rate: 0, cpu: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    const start = performance.now()
    await work()
    const rate = COUNT / (performance.now() - start) / 1000
    const used = process.cpuUsage(before)
    if (rate > best.rate) best = { rate, cpu: (used.user + used.system) / COUNT }
  }
  return best
}

const bare = await timed(async () => {
  await using consumer = new KafkaConsumer({ bootstrapServers })
  consumer.assign([{ topic, partition: 0 }])
  consumer.seekToBeginning()
  for (let next = 0; next < COUNT; )
    for (const batches of await consumer.pollBatches(1000)) {
      next = batches.nextOffset
      batches.release()
    }
})
const ours = await timed(async () => {
  await (await executeJob(pipeline, { settings: { 'bootstrap.servers': bootstrapServers } })).result
})
console.log(`${results.count / ROUNDS} results a run`)
const row = ({ rate, cpu }: { rate: number; cpu: number }) =>
  `${rate.toFixed(2)} M records/s, ${cpu.toFixed(2)} core-s per million records (broker's thread included)`
console.log(`consumer alone, bytes untouched:  ${row(bare)}`)
console.log(
  `the whole pipeline:               ${row(ours)}   ratio ${(ours.rate / bare.rate).toFixed(2)} (to reach: 3 M records/s)`,
)
await admin.close()
await broker.close()
