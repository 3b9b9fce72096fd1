import { expect, test } from 'vitest'
import { startBroker } from '../../src/index.ts'
import { TransactionalClient } from './transactional-client.ts'

test.each([2, 0] as const)(
  'produce, commit, abort: read_committed sees what is committed (client version %d)',
  async (version) => {
    await using broker = await startBroker({ port: 0, data: 'memory' })
    const client = await TransactionalClient.connect(broker, { version })
    await client.createTopic('t', 2)
    expect(await client.init('id')).toBe('NONE')
    expect(await client.send('t', 0, 'a')).toBe('NONE')
    expect(await client.send('t', 1, 'b')).toBe('NONE')
    expect(await client.read('t', 0)).toEqual([])
    expect(await client.read('t', 0, 'read_uncommitted')).toEqual(['a'])
    expect(await client.end(true)).toBe('NONE')
    await client.until(async () => (await client.read('t', 0)).length === 1)
    expect(await client.send('t', 0, 'x')).toBe('NONE')
    expect(await client.end(false)).toBe('NONE')
    expect(await client.send('t', 0, 'c')).toBe('NONE')
    expect(await client.end(true)).toBe('NONE')
    await client.until(async () => (await client.read('t', 0)).length === 2)
    expect(await client.read('t', 0)).toEqual(['a', 'c'])
    expect(await client.read('t', 1)).toEqual(['b'])
    client.close()
  },
)
