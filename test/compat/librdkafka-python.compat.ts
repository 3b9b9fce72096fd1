import { fileURLToPath } from 'node:url'
import { judge, wantedCase } from './judge.ts'
import { pythonPackage } from './peers.ts'

const script = fileURLToPath(new URL('./python/confluent_cases.py', import.meta.url))
const python = pythonPackage('confluent-kafka', '2.16.1')

await judge('librdkafka (confluent-kafka, Python)', python, (bootstrap) => ({
  command: python.available ? python.value : '',
  args: [script, bootstrap, wantedCase],
}))
