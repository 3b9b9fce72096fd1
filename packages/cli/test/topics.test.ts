import { type Broker, startBroker } from '@millrace/broker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli, type CliInput } from './run-cli.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker({ port: 0, data: 'memory' })
})
afterAll(() => broker.close())

const run = (args: string[], input?: CliInput) => cli([...args, '--bootstrap', broker.bootstrapServers], input)

describe('topics', () => {
  test('are created, listed, described and deleted', async () => {
    const created = await run([
      'topic',
      'create',
      'orders',
      'bills',
      '--partitions',
      '2',
      '--config',
      'retention.ms=1000',
    ])
    expect(created).toMatchObject({ code: 0, out: ['orders created', 'bills created'] })
    expect((await run(['topic', 'list'])).out).toEqual(expect.arrayContaining(['bills', 'orders']))

    const described = await run(['topic', 'describe', 'orders', '--json'])
    expect(JSON.parse(described.out[0] as string)).toMatchObject({
      topic: 'orders',
      partitions: [
        { partition: 0, leader: 1, replicas: [1], isr: [1], startOffset: 0, endOffset: 0 },
        { partition: 1, leader: 1, replicas: [1], isr: [1], startOffset: 0, endOffset: 0 },
      ],
      configs: { 'retention.ms': '1000' },
    })
    const text = await run(['topic', 'describe', 'orders'])
    expect(text.out[1]?.trim().split(/\s{2,}/)).toEqual([
      'partition',
      'leader',
      'replicas',
      'in sync',
      'start',
      'end',
      'records',
    ])
    expect(text.out).toContain('  retention.ms=1000')

    expect(await run(['topic', 'delete', 'orders', 'bills'])).toMatchObject({
      code: 0,
      out: ['orders deleted', 'bills deleted'],
    })
    expect((await run(['topic', 'list'])).out).not.toContain('orders')
  })

  test('that are there already, or are not there', async () => {
    await run(['topic', 'create', 'twice'])
    const again = await run(['topic', 'create', 'twice'])
    expect(again.code).toBe(1)
    expect(again.err.join('\n')).toContain('[KAFKA_TOPIC_ALREADY_EXISTS]')
    expect(await run(['topic', 'create', 'twice', '--if-not-exists'])).toMatchObject({
      code: 0,
      out: ['twice exists already'],
    })

    const missing = await run(['topic', 'describe', 'nowhere'])
    expect(missing.code).toBe(1)
    expect(missing.err.join('\n')).toContain('millrace topic list')
    expect((await run(['topic', 'delete', 'nowhere'])).code).toBe(1)
    expect((await run(['topic', 'delete', 'nowhere', '--if-exists', '--json'])).out).toEqual([
      '{"topic":"nowhere","deleted":false}',
    ])
  })
})

describe('records', () => {
  test('go in as lines and come out in a format', async () => {
    await run(['topic', 'create', 'pairs', '-p', '2'])
    const sent = await run(
      ['produce', 'pairs', '-K', '=', '-p', '1', '-t', '2026-01-31T12:00:00Z', '-H', 'from=test'],
      {
        stdin: 'a=1\nb=2\nc\n',
      },
    )
    expect(sent).toMatchObject({ code: 0, err: ['3 records sent to pairs'] })
    const format = '{partition} {offset} {time} {key}:{value} {headers}'
    const read = await run(['consume', 'pairs', '--from-beginning', '-n', '3', '--format', format])
    expect(read).toMatchObject({
      code: 0,
      out: [
        '1 0 2026-01-31T12:00:00.000Z a:1 from=test',
        '1 1 2026-01-31T12:00:00.000Z b:2 from=test',
        '1 2 2026-01-31T12:00:00.000Z :c from=test',
      ],
    })
  })

  test('of one partition from an offset, as JSON', async () => {
    await run(['topic', 'create', 'numbers'])
    await run(['produce', 'numbers'], { stdin: '0\n1\n2\n3\n' })
    const read = await run(['consume', 'numbers', '-p', '0', '-o', '2', '-n', '2', '--json'])
    expect(read.out.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { topic: 'numbers', partition: 0, offset: 2, key: null, value: '2' },
      { topic: 'numbers', partition: 0, offset: 3, key: null, value: '3' },
    ])
    const missing = await run(['consume', 'numbers', '-p', '4'])
    expect(missing.code).toBe(1)
    expect(missing.err.join('\n')).toContain('has the partition 0')
    const beyond = await run(['consume', 'numbers', '-p', '0', '-o', '99'])
    expect(beyond.err.join('\n')).toMatch(/Offset 99 of numbers-0 .*KAFKA_OFFSET_OUT_OF_RANGE.*\n.*topic describe/)
  })

  test('end with a timeout: as asked, or as a failure when more were wanted', async () => {
    await run(['topic', 'create', 'few'])
    await run(['produce', 'few'], { stdin: 'only\n' })
    expect(await run(['consume', 'few', '--from-beginning', '--timeout', '300ms'])).toMatchObject({
      code: 0,
      out: ['only'],
    })
    const short = await run(['consume', 'few', '--from-beginning', '-n', '2', '--timeout', '300ms'])
    expect(short).toMatchObject({ code: 4, out: ['only'] })
    expect(short.err[0]).toContain('1 of 2 records')
  })

  test('stop at once when asked to', async () => {
    await run(['topic', 'create', 'endless'])
    await run(['produce', 'endless'], { stdin: 'one\n' })
    const controller = new AbortController()
    const read = await run(['consume', 'endless', '--from-beginning'], {
      stopping: controller.signal,
      onLine: () => controller.abort(),
    })
    expect(read).toMatchObject({ code: 0, out: ['one'], err: [] })
  })

  test('are read on by a group where it left off', async () => {
    await run(['topic', 'create', 'shared', '-p', '1'])
    await run(['produce', 'shared'], { stdin: 'a\nb\nc\n' })
    const first = await run(['consume', 'shared', '-g', 'readers', '--from-beginning', '-n', '2'])
    expect(first.out).toEqual(['a', 'b'])
    const described = await run(['group', 'describe', 'readers', '--json'])
    expect(JSON.parse(described.out[0] as string)).toMatchObject({
      groupId: 'readers',
      offsets: [{ topic: 'shared', partition: 0, offset: 2, endOffset: 3, lag: 1 }],
    })
    const second = await run(['consume', 'shared', '-g', 'readers', '--from-beginning', '-n', '1'])
    expect(second.out).toEqual(['c'])
    expect((await run(['group', 'list'])).out.join('\n')).toContain('readers')
    const unknown = await run(['group', 'describe', 'nobody'])
    expect(unknown.code).toBe(1)
    expect(unknown.err[0]).toContain('CLI_NO_SUCH_GROUP')
  })
})
