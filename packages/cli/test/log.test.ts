import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBroker } from '@millrace/broker'
import { KafkaAdmin, KafkaConsumer, KafkaProducer } from '@millrace/kafka'
import { utf8 } from '@millrace/std'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli } from './run-cli.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-log-'))
const data = join(root, 'data')
const config = { 'offsets.topic.num.partitions': 1, 'transaction.state.log.num.partitions': 1 }

beforeAll(async () => {
  const broker = await startBroker({ port: 0, data, config })
  const { bootstrapServers } = broker
  const admin = new KafkaAdmin({ bootstrapServers })
  await admin.createTopics([{ topic: 'lines', partitions: 1, configs: { 'retention.ms': '3600000' } }])
  const producer = new KafkaProducer({ bootstrapServers, transactionalId: 'writer', compressionType: 'gzip' })
  await producer.initTransactions()
  for (const outcome of ['kept', 'dropped'] as const) {
    await producer.beginTransaction()
    producer.send({
      topic: 'lines',
      key: utf8('k'),
      value: utf8(outcome),
      headers: [{ key: 'h', value: Uint8Array.of(0xff) }],
    })
    await producer.flush()
    if (outcome === 'kept') await producer.commitTransaction()
    else await producer.abortTransaction()
  }
  await producer.close()
  const consumer = new KafkaConsumer({ bootstrapServers, groupId: 'readers', autoOffsetReset: 'earliest' })
  consumer.subscribe(['lines'])
  while ((await consumer.poll(1_000)).length === 0) continue
  await consumer.commit()
  await consumer.close()
  await admin.close()
  await broker.close()
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const segment = join(data, 'lines-0', '00000000000000000000.log')

describe('log dump', () => {
  test('prints batches and records', async () => {
    const { code, out } = await cli(['log', 'dump', '--data', data, '--topic', 'lines', '--records'])
    expect(code).toBe(0)
    expect(out[0]).toMatch(/lines-0\/0{20}\.log \(\d+ bytes\)$/)
    expect(out[1]).toMatch(
      /^ {2}offsets 0 to 0, position 0, \d+ bytes, 1 records, gzip, .*, producer \d+ epoch \d+, sequences 0 to 0, transactional$/,
    )
    expect(out[2]).toMatch(/^ {4}0: \S+ key "k" value "kept" headers h=0xff$/)
    expect(out[3]).toContain('marker: commit')
    expect(out.join('\n')).toContain('marker: abort')
  })

  test('prints for machines, a part, and the indexes', async () => {
    const { out } = await cli(['log', 'dump', segment, '--json', '--from', '2', '--to', '3', '--records'])
    const entries = out.map((line) => JSON.parse(line))
    expect(entries.map(({ kind }) => kind)).toEqual(['file', 'batch', 'record'])
    expect(entries[1]).toMatchObject({ baseOffset: 2, records: 1, compression: 'gzip', transactional: true })
    expect(Buffer.from(entries[2].value, 'base64').toString()).toBe('dropped')
    const index = await cli(['log', 'dump', join(data, 'lines-0'), '--index'])
    expect(index.out.join('\n')).toMatch(/aborted: producer \d+, offsets 2 to 3, last stable offset 4/)
  })

  test('decodes the records of the broker itself', async () => {
    const dump = async (topic: string) => (await cli(['log', 'dump', '--data', data, '-t', topic, '-r'])).out.join('\n')
    expect(await dump('__consumer_offsets')).toMatch(
      /OffsetCommit \{"group":"readers","topic":"lines","partition":0\} \{"offset":4/,
    )
    expect(await dump('__transaction_state')).toMatch(/TransactionLog \{"transactionalId":"writer"\} \{"producerId"/)
    const metadata = await dump('__cluster_metadata')
    expect(metadata).toMatch(/TopicRecord \{"name":"lines","topicId":"[\w-]{22}"\}/)
    expect(metadata).toContain(
      'ConfigRecord {"resourceType":2,"resourceName":"lines","name":"retention.ms","value":"3600000"}',
    )
  })

  test('says what it cannot print', async () => {
    expect(await cli(['log', 'dump'])).toMatchObject({ code: 2 })
    const unknown = await cli(['log', 'dump', join(data, 'meta.properties')])
    expect(unknown).toMatchObject({ code: 1 })
    expect(unknown.err[0]).toContain('[LOG_FILE_UNKNOWN]')
  })
})

describe('log verify', () => {
  test('has nothing to say of a sound folder', async () => {
    expect(await cli(['log', 'verify', '--data', data])).toMatchObject({
      code: 0,
      out: [expect.stringMatching(/^All is well: \d+ partitions/)],
    })
  })

  test('names file, position and problem, and ends with 1', async () => {
    const damaged = join(root, 'damaged')
    cpSync(data, damaged, { recursive: true })
    const path = join(damaged, 'lines-0', '00000000000000000000.log')
    const bytes = readFileSync(path)
    bytes[70] = (bytes[70] as number) ^ 1
    writeFileSync(path, bytes)
    const { code, err, out } = await cli(['log', 'verify', '--data', damaged])
    expect(code).toBe(1)
    expect(out[0]).toBe(`${path} at 0: The record batch fails its checksum (CRC-32C)`)
    expect(err[0]).toContain('[LOG_DAMAGED]')
    const forMachines = await cli(['log', 'verify', '--data', damaged, '--json'])
    expect(JSON.parse(forMachines.out[0] as string)).toEqual({
      file: path,
      position: 0,
      problem: 'The record batch fails its checksum (CRC-32C)',
    })
    expect(JSON.parse(forMachines.out.at(-1) as string)).toMatchObject({ problems: forMachines.out.length - 1 })
    // What is sound behind the damage is walked over, and printed.
    const batchesOf = (lines: string[]) => JSON.parse(lines.at(-1) as string).batches
    const { out: sound } = await cli(['log', 'verify', '--data', data, '--json'])
    expect(batchesOf(forMachines.out)).toBe(batchesOf(sound) - 1)
    const dumped = await cli(['log', 'dump', join(damaged, 'lines-0')])
    expect(dumped.out[1]).toContain('DAMAGED at position 0')
    expect(dumped.out.join('\n')).toContain('offsets 2 to 2')
  })

  test('needs a data folder', async () => {
    const { code, err } = await cli(['log', 'verify', '--data', root])
    expect(code).toBe(1)
    expect(err[0]).toContain('[DATA_FOLDER_UNKNOWN]')
  })
})

describe('broker import', () => {
  test('takes a folder over that was left in order', async () => {
    const target = join(root, 'imported')
    const { code, out } = await cli(['broker', 'import', '--from', data, '--data', target])
    expect(code).toBe(0)
    expect(out[0]).toMatch(
      /^Took over 3 topics with 3 partitions of cluster [\w-]{22} into .*imported: \d+ bytes copied$/,
    )
    expect(out.at(-1)).toBe(`Start it with: millrace broker --data ${target}`)
    expect(await cli(['log', 'verify', '--data', target])).toMatchObject({ code: 0 })
    const broker = await startBroker({ port: 0, data: target, config })
    const consumer = new KafkaConsumer({
      bootstrapServers: broker.bootstrapServers,
      groupId: 'new',
      autoOffsetReset: 'earliest',
      isolationLevel: 'read_committed',
    })
    consumer.subscribe(['lines'])
    const records = await consumer.poll(5_000)
    expect(records.map(({ value }) => Buffer.from(value as Uint8Array).toString())).toEqual(['kept'])
    await consumer.close()
    await broker.close()

    const again = await cli(['broker', 'import', '--from', data, '--data', target])
    expect(again).toMatchObject({ code: 1 })
    expect(again.err[0]).toContain('[IMPORT_TARGET_IN_USE]')
  })

  test('links closed segments on demand', async () => {
    const { code, out } = await cli([
      'broker',
      'import',
      '--from',
      data,
      '--data',
      join(root, 'linked'),
      '--link',
      '--json',
    ])
    expect(code).toBe(0)
    expect(JSON.parse(out[0] as string)).toMatchObject({ topics: 3, partitions: 3, nodeId: 1, skipped: [] })
  })

  test.each([
    ['IMPORT_UNCLEAN', '.kafka_cleanshutdown'],
    ['IMPORT_NO_METADATA', '__cluster_metadata-0'],
    ['IMPORT_INCOMPLETE', 'lines-0'],
    ['IMPORT_NOT_KAFKA', 'meta.properties'],
  ])('refuses with %s a folder without %s', async (errorCode, missing) => {
    const source = join(root, `without-${missing}`)
    cpSync(data, source, { recursive: true })
    rmSync(join(source, missing), { recursive: true })
    const { code, err } = await cli(['broker', 'import', '--from', source, '--data', join(root, 'never')])
    expect(code).toBe(1)
    expect(err[0]).toContain(`[${errorCode}]`)
  })

  test('leaves behind what no topic owns', async () => {
    const source = join(root, 'strays')
    cpSync(data, source, { recursive: true })
    cpSync(join(source, 'lines-0'), join(source, 'stray-0'), { recursive: true })
    const { out } = await cli(['broker', 'import', '--from', source, '--data', join(root, 'clean')])
    expect(out[1]).toBe(`Left behind: ${join(source, 'stray-0')}: the metadata log knows no such topic`)
  })
})
