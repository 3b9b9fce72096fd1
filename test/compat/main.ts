import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { apacheKafka } from './peers.ts'
import { type Running, startApache } from './target.ts'

// npm run compat                          foreign clients against our broker
// npm run compat -- FAMILY …              some of them: the beginnings of the names of the files *.compat.ts here
// npm run compat -- --apache              the same tests against a real Apache Kafka: is the case right?
// npm run compat -- --bootstrap HOST:PORT against any broker
// npm run compat -- FAMILY --case TEXT    only the cases whose name contains the text, where the family can do that
const root = fileURLToPath(new URL('../..', import.meta.url))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { apache: { type: 'boolean', default: false }, bootstrap: { type: 'string' }, case: { type: 'string' } },
})

// Several may run on one machine, each with a Kafka of its own.
const port = 21_000 + (process.pid % 4000)
let apache: Running | undefined
let bootstrap = values.bootstrap
if (values.apache) {
  const kafka = apacheKafka()
  if (!kafka.available) {
    console.error(`Apache Kafka cannot be started here: ${kafka.why}`)
    process.exit(1)
  }
  apache = startApache(kafka.value, port)
  bootstrap = apache.bootstrap
}
try {
  const result = spawnSync(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--config',
      'test/compat/vitest.config.ts',
      ...positionals.map((family) => `test/compat/${family}`),
    ],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        ...(bootstrap ? { MILLRACE_COMPAT_BOOTSTRAP: bootstrap } : {}),
        ...(values.case ? { MILLRACE_COMPAT_CASE: values.case } : {}),
      },
    },
  )
  process.exitCode = result.status ?? 1
} finally {
  apache?.stop()
}
