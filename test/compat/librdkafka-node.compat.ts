import { fileURLToPath } from 'node:url'
import { judge, wantedCase } from './judge.ts'
import { confluentNode } from './peers.ts'

const script = fileURLToPath(new URL('./node/confluent_cases.mjs', import.meta.url))
const peer = confluentNode('1.10.1')

await judge('librdkafka (@confluentinc/kafka-javascript)', peer, (bootstrap) => ({
  command: peer.available ? peer.value.node : '',
  args: [script, peer.available ? peer.value.folder : '', bootstrap, wantedCase],
}))
