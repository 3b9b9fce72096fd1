/** Sends words to a topic, runs the job over it, prints what it wrote. */
import { executeJob, KafkaAdmin, KafkaConsumer, KafkaProducer, startBroker } from 'millrace'
import uppercase from './uppercase.ts'

const words = ['to', 'be', 'or', 'not', 'to', 'be']

await using broker = await startBroker({ port: 0, data: 'memory' })
const { bootstrapServers } = broker
await using admin = new KafkaAdmin({ bootstrapServers })
await admin.createTopics([{ topic: 'words' }, { topic: 'loud-words' }])
await using job = await executeJob(uppercase, { settings: { 'bootstrap.servers': bootstrapServers } })

await using producer = new KafkaProducer({ bootstrapServers })
await Promise.all(words.map((word) => producer.send({ topic: 'words', value: word })))

await using consumer = new KafkaConsumer({ bootstrapServers, autoOffsetReset: 'earliest' })
consumer.assign([{ topic: 'loud-words', partition: 0 }])
let received = 0
for await (const { value } of consumer) {
  console.log(String(Buffer.from(value ?? [])))
  if (++received === words.length) break
}
await job.stop()
