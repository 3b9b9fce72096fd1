import { fileURLToPath } from 'node:url'
import { judge, wantedCase } from './judge.ts'
import { pythonPackage } from './peers.ts'

const script = fileURLToPath(new URL('./python/aiokafka_cases.py', import.meta.url))
const python = pythonPackage('aiokafka', '0.14.0')

await judge('aiokafka', python, (bootstrap) => ({
  command: python.available ? python.value : '',
  args: [script, bootstrap, wantedCase],
}))
