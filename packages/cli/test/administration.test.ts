import { type Broker, startBroker } from '@millrace/broker'
import { KafkaProducer } from '@millrace/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli } from './run-cli.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker({ port: 0, data: 'memory' })
})
afterAll(() => broker.close())

const run = (...args: string[]) => cli([...args, '--bootstrap', broker.bootstrapServers])
const jsonOf = async (...args: string[]) => (await run(...args, '--json')).out.map((line) => JSON.parse(line))

describe('topic alter and config', () => {
  test('change what is named and show where it comes from', async () => {
    await run('topic', 'create', 'settings', '--partitions', '1', '--config', 'retention.ms=1000')
    const altered = await run('topic', 'alter', 'settings', '--partitions', '3', '--config', 'cleanup.policy=compact')
    expect(altered).toMatchObject({ code: 0, out: ['settings altered'] })
    expect(await jsonOf('topic', 'config', 'settings')).toEqual(
      expect.arrayContaining([
        { name: 'cleanup.policy', value: 'compact', source: 'topic' },
        { name: 'retention.ms', value: '1000', source: 'topic' },
      ]),
    )
    await run('topic', 'alter', 'settings', '--delete-config', 'retention.ms', '--delete-config', 'cleanup.policy')
    const left = await jsonOf('topic', 'config', 'settings')
    expect(left.filter(({ source }) => source === 'topic')).toEqual([])
    expect((await jsonOf('topic', 'config', 'settings', '--all')).length).toBeGreaterThan(20)
    const [described] = await jsonOf('topic', 'describe', 'settings')
    expect(described.partitions).toHaveLength(3)
  })

  test('refuse what makes no sense', async () => {
    expect(await run('topic', 'alter', 'settings')).toMatchObject({ code: 2 })
    const wrong = await run('topic', 'alter', 'settings', '--config', 'retention.ms=soon')
    expect(wrong.code).toBe(1)
    expect(wrong.err.join('\n')).toContain('[KAFKA_INVALID_CONFIG]')
    const unknown = await run('topic', 'alter', 'settings', '--delete-config', 'retention.mss')
    expect(unknown).toMatchObject({ code: 2, err: [expect.any(String), "fix:   Did you mean 'retention.ms'?"] })
  })
})

describe('group', () => {
  test('sets, removes and deletes offsets', async () => {
    await run('topic', 'create', 'numbers', '--partitions', '1')
    await using producer = new KafkaProducer({ bootstrapServers: broker.bootstrapServers })
    for (const timestamp of [1_000, 2_000, 3_000]) await producer.send({ topic: 'numbers', value: 'x', timestamp })
    const offsetOf = async (...to: string[]) =>
      (await jsonOf('group', 'reset-offsets', 'readers', '--topic', 'numbers', ...to)).map(({ offset }) => offset)
    expect(await offsetOf('--to', 'latest')).toEqual([3])
    expect(await offsetOf('--to', '1970-01-01T00:00:02Z')).toEqual([1])
    expect(await offsetOf('--to', '2030-01-01T00:00:00Z', '--dry-run')).toEqual([3])
    // A dry run has changed nothing.
    expect((await jsonOf('group', 'describe', 'readers'))[0].offsets).toMatchObject([{ offset: 1, lag: 2 }])
    expect(await jsonOf('group', 'reset-offsets', 'readers', '--to', '2')).toMatchObject([
      { topic: 'numbers', offset: 2 },
    ])
    expect(
      (await jsonOf('group', 'list', '--state', 'Empty', '--type', 'classic')).map(({ groupId }) => groupId),
    ).toEqual(['readers'])
    // Where there is no such offset, the nearest one.
    expect(await offsetOf('--to', '7')).toEqual([3])
    expect((await run('group', 'list', '--type', 'other')).code).toBe(2)
    expect((await run('group', 'list', '--state', 'Emtpy')).err.join()).toContain('Did you mean Empty?')
    expect((await run('group', 'reset-offsets', 'readers', '--to', 'whenever')).code).toBe(2)
    expect((await run('group', 'delete-offsets', 'readers', '--topic', 'numbers')).out).toEqual(['numbers-0 deleted'])
    const without = await run('group', 'reset-offsets', 'readers', '--to', 'earliest')
    expect(without.err[0]).toContain('CLI_NO_SUCH_GROUP')
    await run('group', 'reset-offsets', 'readers', '--to', 'earliest', '--topic', 'numbers')
    expect((await run('group', 'delete', 'readers')).out).toEqual(['readers deleted'])
    expect((await run('group', 'delete', 'readers')).err.join()).toContain('[KAFKA_GROUP_ID_NOT_FOUND]')
  })
})

describe('transaction', () => {
  test('lists, describes and ends one that is open', async () => {
    await run('topic', 'create', 'out', '--partitions', '1')
    const producer = new KafkaProducer({ bootstrapServers: broker.bootstrapServers, transactionalId: 'sink' })
    await producer.initTransactions()
    producer.beginTransaction()
    await producer.send({ topic: 'out', value: 'x' })
    const [listed] = await jsonOf('transaction', 'list', '--state', 'Ongoing')
    expect(listed).toMatchObject({ transactionalId: 'sink', state: 'Ongoing' })
    expect(await jsonOf('transaction', 'list', '--longer-than', '1h')).toEqual([])
    const described = await run('transaction', 'describe', 'sink')
    expect(described.out).toEqual([
      'sink (Ongoing)',
      expect.stringContaining('timeout 60000 ms'),
      expect.stringContaining('going on since'),
      '  out-0',
    ])
    // Its coordinator knows of it.
    expect((await run('transaction', 'find-hanging', '--open-for', '0')).out).toEqual(['no transaction hangs'])
    const { producerId } = listed
    const aborted = await run('transaction', 'abort', 'out', '0', '--producer-id', `${producerId}`)
    expect(aborted.out).toEqual(['out-0 aborted'])
    const again = await run('transaction', 'abort', 'out', '0', '--producer-id', `${producerId}`)
    expect(again.err[0]).toContain('CLI_NO_OPEN_TRANSACTION')
    const nowhere = await run('transaction', 'abort', 'out', '1', '--producer-id', `${producerId}`)
    expect(nowhere.err[0]).toContain('CLI_NO_SUCH_PARTITION')
    expect((await run('transaction', 'list', '--state', 'Onging')).err.join()).toContain('Did you mean Ongoing?')
    const read = async (...options: string[]) =>
      (await run('consume', 'out', '--from-beginning', '--timeout', '500ms', ...options)).out
    expect(await read()).toEqual(['x'])
    expect(await read('--isolation-level', 'read_committed')).toEqual([])
    await producer.close()
    expect((await run('transaction', 'describe', 'nobody')).err[0]).toContain('KAFKA_TRANSACTIONAL_ID_NOT_FOUND')
  })
})
