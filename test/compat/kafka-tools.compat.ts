import { compiled, java, kafkaJars } from './java.ts'
import { judge, wantedCase } from './judge.ts'

// Apache Kafka's command-line tools, as its shell scripts start them.
const tools = compiled('tools-4.3.1', kafkaJars(), ['judge/Judge.java', 'judge/Clients.java', 'tools'])
await judge("Apache Kafka's command-line tools", tools, (bootstrap) =>
  java(tools.available ? tools.value : '', 'tools.Main', [bootstrap, wantedCase]),
)
