import { compiled, java, mavenJars } from './java.ts'
import { judge, wantedCase } from './judge.ts'

const jars = mavenJars('flink-2.3.0', [
  'org.apache.flink:flink-streaming-java:2.3.0',
  'org.apache.flink:flink-clients:2.3.0',
  'org.apache.flink:flink-connector-base:2.3.0',
  'org.apache.flink:flink-connector-kafka:5.0.0-2.2',
  'org.slf4j:slf4j-simple:1.7.36',
])
const flink = compiled('flink-2.3.0', jars, ['judge/Judge.java', 'judge/Clients.java', 'flink'])
await judge('Apache Flink 2.3', flink, (bootstrap) =>
  java(flink.available ? flink.value : '', 'flink.Main', [bootstrap, wantedCase]),
)
