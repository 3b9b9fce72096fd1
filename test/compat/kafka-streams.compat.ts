import { compiled, java, kafkaJars } from './java.ts'
import { judge, wantedCase } from './judge.ts'

const streams = compiled('streams-4.3.1', kafkaJars(), ['judge/Judge.java', 'judge/Clients.java', 'streams'])
await judge('Kafka Streams 4.3.1', streams, (bootstrap) =>
  java(streams.available ? streams.value : '', 'streams.Main', [bootstrap, wantedCase]),
)
