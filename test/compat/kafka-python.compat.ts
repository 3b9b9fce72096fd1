import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { pythonPackage } from './peers.ts'
import { compatSuite, freshName } from './suite.ts'

const script = fileURLToPath(new URL('./python/kafka_python_client.py', import.meta.url))

compatSuite('kafka-python', pythonPackage('kafka-python', '3.0.12'), (python, target) => {
  // The broker runs in this process: waiting must not block it.
  const runAs = async (what: string, ...args: string[]) => {
    const { stdout } = await promisify(execFile)(python, [script, what, target.bootstrap, ...args], {
      timeout: 100_000,
    })
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null') as unknown
  }

  it.each(['none', 'gzip'])('produces and consumes (%s)', async (codec) => {
    const answer = await runAs('round-trip', freshName('round-trip'), codec)
    expect(answer).toEqual({ received: 200, ordered: true, keys: true, headers: true, committed: 200 })
  })

  it('shares a group between two members', async () => {
    expect(await runAs('group', freshName('group'), freshName('members'))).toEqual({
      received: 400,
      distinct: 400,
      members: 2,
    })
  })

  it('commits and aborts transactions, offsets in them', async () => {
    expect(await runAs('transactions', freshName('txn'), freshName('offsets'))).toEqual({
      read_committed: ['first', 'second'],
      read_uncommitted: ['first', 'never', 'second'],
      committed: 7,
    })
  })
})
