import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { pythonPackage } from './peers.ts'
import { compatSuite, freshName } from './suite.ts'

const script = fileURLToPath(new URL('./kafka_python_client.py', import.meta.url))

compatSuite('kafka-python', pythonPackage('kafka-python', '3.0.12'), (python, target) => {
  const runAs = (what: string, ...args: string[]) => {
    const result = spawnSync(python, [script, what, target.bootstrap, ...args], { encoding: 'utf8', timeout: 100_000 })
    expect(result.stderr, result.stderr).not.toMatch(/Traceback/)
    return JSON.parse(result.stdout.trim().split('\n').at(-1) ?? 'null') as unknown
  }

  it.each(['none', 'gzip'])('produces and consumes (%s)', (codec) => {
    const answer = runAs('round-trip', freshName('round-trip'), codec)
    expect(answer).toEqual({ received: 200, ordered: true, keys: true, headers: true, committed: 200 })
  })

  it('shares a group between two members', () => {
    expect(runAs('group', freshName('group'), freshName('members'))).toEqual({
      received: 400,
      distinct: 400,
      members: 2,
    })
  })
})
