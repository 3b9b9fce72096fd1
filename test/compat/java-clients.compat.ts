import { compiled, java, kafkaJars, oldKafkaClients } from './java.ts'
import { judge, wantedCase } from './judge.ts'

// The official Java clients of this Kafka: transactions v2, both group protocols, AdminClient.
const now = compiled('judge-4.3.1', kafkaJars(), ['judge'])
await judge('Java clients 4.3.1', now, (bootstrap) =>
  java(now.available ? now.value : '', 'judge.Main', [bootstrap, 'new', wantedCase]),
)

// Of older ones, which speak the first protocol of transactions and older versions of all else.
const shared = ['Judge', 'Clients', 'ProducerCases', 'TransactionCases', 'ReaderCases', 'GroupCases', 'Member', 'Main']
for (const version of ['2.8.2', '3.9.1']) {
  const old = compiled(
    `judge-${version}`,
    oldKafkaClients(version),
    shared.map((name) => `judge/${name}.java`),
  )
  await judge(`Java clients ${version}`, old, (bootstrap) =>
    java(old.available ? old.value : '', 'judge.Main', [bootstrap, 'old', wantedCase]),
  )
}
