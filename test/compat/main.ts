import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { apacheKafka } from './peers.ts'

// npm run compat                          foreign clients against our broker
// npm run compat -- --apache              the same tests against a real Apache Kafka: is the case right?
// npm run compat -- --bootstrap HOST:PORT against any broker
const root = fileURLToPath(new URL('../..', import.meta.url))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { apache: { type: 'boolean', default: false }, bootstrap: { type: 'string' } },
})

const port = '19192'
let script: string | undefined
let bootstrap = values.bootstrap
if (values.apache) {
  const kafka = apacheKafka()
  if (!kafka.available) {
    console.error(`Apache Kafka cannot be started here: ${kafka.why}`)
    process.exit(1)
  }
  script = kafka.value
  const started = spawnSync(script, ['up', port, 'auto.create.topics.enable=true'], { stdio: 'inherit' })
  if (started.status !== 0) process.exit(1)
  bootstrap = `127.0.0.1:${port}`
}
try {
  const result = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/compat/vitest.config.ts', ...positionals],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...(bootstrap ? { MILLRACE_COMPAT_BOOTSTRAP: bootstrap } : {}) },
    },
  )
  process.exitCode = result.status ?? 1
} finally {
  if (script) spawnSync(script, ['down', port], { stdio: 'inherit' })
}
