import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const bootstrap = join(import.meta.dirname, 'bootstrap.mjs')

test('a command that there is not', async () => {
  await expect(promisify(execFile)(process.execPath, [bootstrap, 'strat'])).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no command 'strat'[^]*start, .*test/),
  })
})

/** A process that runs `script` the way the bootstrap does. */
function runner(script: string) {
  const source = `import { runNode } from ${JSON.stringify(join(import.meta.dirname, 'process.mjs'))}
process.exitCode = await runNode(process.execPath, ['-e', ${JSON.stringify(script)}])`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] })
  return { child, ended: new Promise((resolve) => child.on('close', resolve)) }
}

test('exit codes are passed on, and a death by signal as a shell tells it', async () => {
  expect(await runner('process.exit(3)').ended).toBe(3)
  expect(await runner("process.kill(process.pid, 'SIGKILL')").ended).toBe(128 + 9)
})

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s reaches the program', async (signal) => {
  const { child, ended } = runner(
    `process.on('${signal}', () => process.exit(7)); setInterval(() => {}, 1000); console.log('ready')`,
  )
  await new Promise((resolve) => child.stdout.once('data', resolve))
  child.kill(signal)
  expect(await ended).toBe(7)
})
