import { fileURLToPath } from 'node:url'
import { judge, wantedCase } from './judge.ts'
import { npmFolder } from './peers.ts'

const script = fileURLToPath(new URL('./node/platformatic_cases.mjs', import.meta.url))
const folder = npmFolder('@platformatic/kafka', '2.12.1')

await judge('@platformatic/kafka', folder, (bootstrap) => ({
  command: process.execPath,
  args: [script, folder.available ? folder.value : '', bootstrap, wantedCase],
}))
