/** A producer sends key-0 … key-99 with value-0 … value-99; a consumer of a group prints offset, key and value. */
import { KafkaAdmin, KafkaConsumer, KafkaProducer, startBroker } from 'millrace'
import { parseOptions } from '../options.ts'

const options = parseOptions({ bootstrap: { type: 'string' } })
const topic = 'hundred-messages'
const count = 100

// A broker in memory, unless another cluster is named.
await using broker = options.bootstrap === undefined ? await startBroker({ port: 0, data: 'memory' }) : undefined
const bootstrapServers = options.bootstrap ?? broker?.bootstrapServers ?? ''

await using admin = new KafkaAdmin({ bootstrapServers })
// A topic that is there is left as it is: the group goes on where it was.
const exists = (await admin.listTopics()).some((listed) => listed.topic === topic)
if (!exists) await admin.createTopics([{ topic, partitions: 1 }])

await using producer = new KafkaProducer({ bootstrapServers })
const numbers = Array.from({ length: count }, (_, i) => i)
await Promise.all(numbers.map((i) => producer.send({ topic, key: `key-${i}`, value: `value-${i}` })))

await using consumer = new KafkaConsumer({ bootstrapServers, groupId: topic, autoOffsetReset: 'earliest' })
consumer.subscribe([topic])
const text = (bytes: Uint8Array | null) => (bytes === null ? 'null' : Buffer.from(bytes).toString())
let received = 0
for await (const { offset, key, value } of consumer) {
  console.log(`${offset} ${text(key)} ${text(value)}`)
  if (++received === count) break
}
