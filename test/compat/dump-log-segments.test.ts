import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startBroker } from '@millrace/broker'
import { defaultCleanerConfig } from '../../packages/broker/src/log/cleaner/cleaner-config.ts'
import { defaultLogConfig, LogManager } from '../../packages/broker/src/log/index.ts'
import { type CompressionType, KafkaAdmin, KafkaConsumer, KafkaProducer, RecordBatchBuilder } from '@millrace/kafka'
import { hostSystem, utf8 } from '@millrace/std'
import { afterAll, describe, expect, test, vi } from 'vitest'

/** Kafka's own reader of log files, as an oracle of the format. */
const script = fileURLToPath(new URL('kafka.sh', import.meta.url))
const tool = 'org.apache.kafka.tools.DumpLogSegments'

function whyNot(): string | undefined {
  for (const program of ['java', 'mvn']) {
    if (spawnSync(program, ['-version']).error) return `${program} is not installed`
  }
  const jars = spawnSync('bash', [script, 'classpath'], { encoding: 'utf8', timeout: 300_000 })
  return jars.status === 0 ? undefined : `Kafka's jars could not be had: ${jars.stderr.trim().split('\n').at(-1)}`
}

const reason = whyNot()
const suite = reason === undefined ? describe : describe.skip

/** The tool takes the offset before a file's first one for -1, and finds every segment but the first to start with a gap. */
function complaints(output: string): string[] {
  return output
    .replace(/^Non-consecutive offsets in \S*?0*(\d+)\.log\n {2}-1 is followed by \1$/gm, '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('SLF4J'))
}

suite(`DumpLogSegments${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-dump-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** `compacted`: the tool tells of every gap between offsets, which are no fault there. */
  function dump(files: readonly string[], flags: readonly string[] = [], { compacted } = { compacted: false }): string {
    const result = spawnSync('bash', [script, 'tool', tool, ...flags, '--files', files.join(',')], {
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
    })
    const gaps = /^Non-consecutive offsets in|^ {2}-?\d+ is followed by \d+$/
    expect(complaints(result.stderr).filter((line) => !compacted || !gaps.test(line))).toEqual([])
    expect(result.status).toBe(0)
    return result.stdout
  }

  test('reads our logs, indexes and snapshots and finds no mismatch', { timeout: 120_000 }, async () => {
    const open = () =>
      LogManager.open({
        ...hostSystem,
        folder,
        nodeId: 1,
        configOf: () => ({
          ...defaultLogConfig,
          segmentBytes: 60_000,
          indexIntervalBytes: 2_000,
          messageTimestampAfterMaxMs: 1e15,
        }),
      })
    const first = open()
    const log = await first.createPartition('dumped', 0, new Uint8Array(16).fill(9))
    let sequence = 0
    const append = (count: number, compression: CompressionType, timestamp: number, epoch: number) => {
      const builder = new RecordBatchBuilder({ compression })
      for (let i = 0; i < count; i++) {
        // Within and between batches, timestamps go back and forth.
        builder.append(utf8(`key-${sequence + i}`), utf8(`value-${'x'.repeat(i % 90)}`), timestamp + ((i * 7) % 13))
      }
      const bytes = builder.finish({ producerId: 4_000, producerEpoch: 2, baseSequence: sequence })
      sequence += count
      expect(log.append(Uint8Array.from(bytes), { leaderEpoch: epoch }).errorCode).toBe(0)
    }
    const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
    for (let i = 0; i < 600; i++) {
      append(
        1 + ((i * 17) % 60),
        codecs[i % 5] as CompressionType,
        1_700_000_000_000 + ((i * 37) % 400) * 50,
        1 + (i >> 8),
      )
      if (i % 50 === 0) await log.flushed()
    }
    expect(log.segmentCount).toBeGreaterThan(3)
    await first.close()

    const partition = join(folder, 'dumped-0')
    const names = readdirSync(partition)
    const of = (suffix: string) => names.filter((name) => name.endsWith(suffix)).map((name) => join(partition, name))
    const logs = dump(of('.log'), ['--deep-iteration', '--print-data-log'])
    expect(logs.match(/^\| offset: /gm)?.length).toBe(log.endOffset)
    expect(logs).toContain(`| offset: ${log.endOffset - 1} `)
    expect(logs).toContain(`payload: value-`)
    expect(logs).not.toMatch(/isvalid: false/)
    expect(logs).not.toMatch(/Found|mismatch|corrupt/i)

    const indexes = dump([...of('.index'), ...of('.timeindex')])
    expect(indexes.match(/^offset: /gm)?.length).toBeGreaterThan(20)
    expect(indexes.match(/^timestamp: /gm)?.length).toBeGreaterThan(20)
    expect(indexes).not.toMatch(/mismatch|Found|out of order|not found/i)
    dump([...of('.index'), ...of('.timeindex')], ['--index-sanity-check'])

    const snapshots = dump(of('.snapshot'))
    expect(snapshots).toContain('producerId: 4000 producerEpoch: 2')
    expect(snapshots).toContain(`lastSequence: ${sequence - 1} lastOffset: ${log.endOffset - 1}`)
  })

  test('reads what compaction and transactions leave', { timeout: 120_000 }, async () => {
    const logs = LogManager.open({
      ...hostSystem,
      folder: join(folder, 'compacted'),
      nodeId: 1,
      cleaner: () => ({ ...defaultCleanerConfig, enabled: false }),
      configOf: () => ({
        ...defaultLogConfig,
        cleanupPolicy: ['compact'],
        minCleanableDirtyRatio: 0,
        segmentBytes: 20_000,
        indexIntervalBytes: 1_000,
      }),
    })
    const log = await logs.createPartition('cleaned', 0, new Uint8Array(16).fill(7))
    const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
    const sequences = new Map<number, number>()
    for (let i = 0; i < 500; i++) {
      const id = 4_000 + (i % 4)
      const sequence = sequences.get(id) ?? 0
      const builder = new RecordBatchBuilder({ compression: codecs[i % 5] as CompressionType })
      for (let n = 0; n < 5; n++) {
        builder.append(
          utf8(`key-${(i * 7 + n) % 60}`),
          i % 11 === 0 ? null : utf8(`value ${i}`.padEnd(80, '.')),
          Date.now() + n,
        )
      }
      const transactional = id % 2 === 1
      const bytes = builder.finish({ producerId: id, producerEpoch: 0, baseSequence: sequence, transactional })
      sequences.set(id, sequence + 5)
      expect(log.append(Uint8Array.from(bytes), { leaderEpoch: 0 }).errorCode).toBe(0)
      if (transactional && i % 8 > 4) {
        const marker = { producerId: id, producerEpoch: 0, coordinatorEpoch: 2, transactionVersion: 1 }
        expect(log.appendEndTxnMarker({ ...marker, commit: i % 16 > 7 }).errorCode).toBe(0)
      }
    }
    for (const id of [4_001, 4_003]) {
      if (!log.hasOngoingTransaction(id, 0)) continue
      log.appendEndTxnMarker({
        producerId: id,
        producerEpoch: 0,
        coordinatorEpoch: 2,
        commit: false,
        transactionVersion: 1,
      })
    }
    log.roll()
    // Only what is on the device with its indexes is compacted.
    await vi.waitUntil(() => log.recoveryPoint >= log.activeSegment.baseOffset, { timeout: 10_000 })
    const before = log.sizeInBytes
    expect(await logs.cleanOne()).toBe(log)
    expect(log.sizeInBytes).toBeLessThan(before / 3)
    const aborted = log.abortedTransactions(0, log.endOffset)
    expect(aborted.length).toBeGreaterThan(5)
    const [first] = log.segments
    await logs.close()

    const partition = join(folder, 'compacted', 'cleaned-0')
    const names = readdirSync(partition)
    const of = (suffix: string) => names.filter((name) => name.endsWith(suffix)).map((name) => join(partition, name))
    const text = dump(of('.log'), ['--deep-iteration', '--print-data-log'], { compacted: true })
    expect(text).not.toMatch(/isvalid: false/)
    expect(text).toContain('endTxnMarker: ABORT')
    expect(text).toMatch(/deleteHorizonMs: OptionalLong\[\d+\]/)
    expect(text).toMatch(/keySize: \d+ valueSize: -1/)
    expect(first?.baseOffset).toBe(0)
    const indexes = dump([...of('.index'), ...of('.timeindex')])
    expect(indexes.match(/^offset: /gm)?.length).toBeGreaterThan(20)
    expect(indexes).not.toMatch(/mismatch|Found|out of order|not found/i)
    dump([...of('.index'), ...of('.timeindex')], ['--index-sanity-check'])
    const transactions = dump(of('.txnindex'))
    expect(
      transactions.match(/producerId: 400\d firstOffset: \d+ lastOffset: \d+ lastStableOffset: \d+/g)?.length,
    ).toBe(aborted.length)
    expect(dump(of('.snapshot'))).toContain('producerId: 4003')
  })

  test('decodes what the broker keeps for itself', { timeout: 120_000 }, async () => {
    const data = join(folder, 'broker')
    const broker = await startBroker({
      port: 0,
      data,
      config: { 'transaction.state.log.num.partitions': 1, 'offsets.topic.num.partitions': 1 },
    })
    const { bootstrapServers } = broker
    const admin = new KafkaAdmin({ bootstrapServers })
    await admin.createTopics([{ topic: 'dumped', partitions: 2, configs: { 'retention.ms': '3600000' } }])
    const producer = new KafkaProducer({ bootstrapServers, transactionalId: 'dumped-id' })
    await producer.initTransactions()
    await producer.beginTransaction()
    producer.send({ topic: 'dumped', value: utf8('x') })
    await producer.commitTransaction()
    await producer.close()
    const consumer = new KafkaConsumer({ bootstrapServers, groupId: 'dumped-group', autoOffsetReset: 'earliest' })
    consumer.subscribe(['dumped'])
    while ((await consumer.poll(500)).length === 0) continue
    await consumer.commit()
    await consumer.close()
    await admin.close()
    await broker.close()
    const segment = (partition: string) => join(data, partition, '00000000000000000000.log')
    const state = dump([segment('__transaction_state-0')], ['--transaction-log-decoder'])
    expect(state).toContain('dumped-id')
    expect(state).toMatch(/CompleteCommit|"transactionStatus":4/)
    const offsets = dump([segment('__consumer_offsets-0')], ['--offsets-decoder'])
    expect(offsets).toContain('dumped-group')
    expect(offsets).toMatch(/"offset":2|offset=2/)
    const metadata = dump([segment('__cluster_metadata-0')], ['--cluster-metadata-decoder'])
    expect(metadata).toContain('"name":"dumped"')
    expect(metadata).toContain('"name":"retention.ms","value":"3600000"')
  })
})
