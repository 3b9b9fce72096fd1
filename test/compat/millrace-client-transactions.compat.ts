import {
  type ConsumerGroupMetadata,
  type IsolationLevel,
  KafkaAdmin,
  KafkaConsumer,
  KafkaProducer,
  type KafkaProducerOptions,
} from '@millrace/kafka'
import { bytesToString } from '@millrace/std'
import { describe, expect, it } from 'vitest'
import { compatSuite, freshName } from './suite.ts'

const OUTSIDER = { memberId: '', generationId: -1, groupInstanceId: null }

// Against Apache Kafka (npm run compat -- --apache) this judges the client; against ours, the broker.
compatSuite("Millrace's client: transactions", { available: true, value: undefined }, (_, target) => {
  const options = () => ({ bootstrapServers: target.bootstrap })

  async function setUp(partitions = 3, configs: Record<string, number> = {}) {
    const topic = freshName('transactions')
    const admin = new KafkaAdmin(options())
    await admin.createTopics([{ topic, partitions, configs }])
    const transactionalId = freshName('id')
    const newProducer = (more: Partial<KafkaProducerOptions> = {}) =>
      new KafkaProducer({ ...options(), transactionalId, lingerMs: 0, ...more })
    const read = async (isolationLevel: IsolationLevel) => {
      await using consumer = new KafkaConsumer({ ...options(), isolationLevel })
      const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
      consumer.assign(all)
      consumer.seekToBeginning()
      const values: string[] = []
      for (const { partition, offset } of await consumer.endOffsets(all)) {
        while ((await consumer.position({ topic, partition })) < offset) {
          for (const { value } of await consumer.poll(500)) values.push(bytesToString(value as Uint8Array))
        }
      }
      return values.sort()
    }
    return { topic, admin, transactionalId, newProducer, read }
  }

  it('commits and aborts, and readers of committed records see neither what is aborted nor what is open', async () => {
    const { topic, admin, newProducer, read } = await setUp()
    await using producer = newProducer()
    await producer.initTransactions()
    for (const [i, decision] of ['commit', 'abort', 'abort', 'commit'].entries()) {
      producer.beginTransaction()
      await Promise.all([0, 1, 2].map((partition) => producer.send({ topic, partition, value: `${i}-${partition}` })))
      await (decision === 'commit' ? producer.commitTransaction() : producer.abortTransaction())
    }
    producer.beginTransaction()
    await producer.send({ topic, partition: 0, value: 'open' })
    expect(await read('read_committed')).toEqual(['0-0', '0-1', '0-2', '3-0', '3-1', '3-2'])
    expect(await read('read_uncommitted')).toHaveLength(13)
    const ends = (isolationLevel: IsolationLevel) =>
      admin.listOffsets([{ topic, partition: 0, at: 'latest' }], { isolationLevel })
    const [[stable], [end]] = [await ends('read_committed'), await ends('read_uncommitted')]
    expect((end?.offset ?? 0) - (stable?.offset ?? 0)).toBe(1)
    await producer.commitTransaction()
    expect(await read('read_committed')).toContain('open')
    await admin.close()
  })

  it('commits offsets of a group with the transaction only', async () => {
    const { topic, admin, newProducer } = await setUp()
    const group: ConsumerGroupMetadata = { ...OUTSIDER, groupId: freshName('group') }
    await using producer = newProducer()
    await producer.initTransactions()
    const commit = async (offset: number) => {
      producer.beginTransaction()
      await producer.send({ topic, value: 'x' })
      await producer.sendOffsetsToTransaction([{ topic, partition: 0, offset, metadata: 'note' }], group)
    }
    await commit(5)
    expect(await admin.fetchOffsets(group.groupId)).toEqual([])
    await producer.abortTransaction()
    expect(await admin.fetchOffsets(group.groupId)).toEqual([])
    await commit(7)
    await producer.commitTransaction()
    // Markers may still be on their way; only who asks for a partition is told to wait for them.
    const stored = await admin.fetchOffsets(group.groupId, {
      partitions: [{ topic, partition: 0 }],
      requireStable: true,
    })
    expect(stored).toEqual([{ topic, partition: 0, offset: 7, metadata: 'note' }])
    await admin.close()
  })

  it('refuses offsets of a member that the group no longer has; the producer goes on', async () => {
    const { topic, admin, newProducer } = await setUp()
    await using consumer = new KafkaConsumer({ ...options(), groupId: freshName('group') })
    consumer.subscribe([topic])
    while (consumer.assignment().length === 0) await consumer.poll(200)
    await using producer = newProducer()
    await producer.initTransactions()
    producer.beginTransaction()
    const zombie = { ...consumer.groupMetadata(), memberId: 'gone' }
    const failure = await producer
      .sendOffsetsToTransaction([{ topic, partition: 0, offset: 1 }], zombie)
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'KAFKA_TRANSACTION_FAILED', abortable: true })
    await producer.abortTransaction()
    producer.beginTransaction()
    await producer.sendOffsetsToTransaction([{ topic, partition: 0, offset: 1 }], consumer.groupMetadata())
    await producer.commitTransaction()
    expect(await consumer.committed([{ topic, partition: 0 }])).toMatchObject([{ offset: 1 }])
    await admin.close()
  })

  it('fences an older producer with the same id', async () => {
    const { topic, admin, newProducer, read } = await setUp()
    await using older = newProducer()
    await older.initTransactions()
    older.beginTransaction()
    await older.send({ topic, value: 'zombie' })
    await using newer = newProducer()
    await newer.initTransactions()
    await expect(older.commitTransaction()).rejects.toMatchObject({ code: 'KAFKA_PRODUCER_FENCED', fatal: true })
    newer.beginTransaction()
    await newer.send({ topic, value: 'new' })
    await newer.commitTransaction()
    expect(await read('read_committed')).toEqual(['new'])
    await admin.close()
  })

  it('goes on after a record that was refused: the transaction is aborted, the next one counts', async () => {
    const { topic, admin, newProducer, read } = await setUp(1, { 'max.message.bytes': 1_000 })
    await using producer = newProducer()
    await producer.initTransactions()
    producer.beginTransaction()
    await producer.send({ topic, partition: 0, value: 'first' })
    const refused = await producer.send({ topic, partition: 0, value: 'x'.repeat(5_000) }).catch((error) => error)
    expect(refused).toMatchObject({ code: 'KAFKA_MESSAGE_TOO_LARGE', abortable: true, retriable: false })
    await expect(producer.commitTransaction()).rejects.toMatchObject({ abortable: true })
    await producer.abortTransaction()
    producer.beginTransaction()
    await producer.send({ topic, partition: 0, value: 'second' })
    await producer.commitTransaction()
    expect(await read('read_committed')).toEqual(['second'])
    await admin.close()
  })

  describe('in two phases', () => {
    it('is committed by whoever has what was stored, as often as wanted', async () => {
      const { topic, admin, newProducer, read } = await setUp()
      const producer = newProducer()
      await producer.initTransactions()
      producer.beginTransaction()
      await producer.send({ topic, value: 'prepared' })
      const stored = JSON.parse(JSON.stringify(await producer.prepareTransaction()))
      await producer.close()
      expect(stored).toMatchObject({ transactionVersion: expect.any(Number), producerEpoch: expect.any(Number) })
      expect(await read('read_committed')).toEqual([])
      for (let i = 0; i < 3; i++) {
        await using transaction = KafkaProducer.resumeTransaction(options(), stored)
        await transaction.commit()
      }
      await expect(admin.endPreparedTransaction(stored, 'abort')).rejects.toMatchObject({
        code: 'KAFKA_TRANSACTION_ENDED_OTHERWISE',
        fatal: true,
      })
      expect(await read('read_committed')).toEqual(['prepared'])
      await admin.close()
    })

    it('cannot be committed after it was aborted, and never touches the transaction after it', async () => {
      const { topic, admin, newProducer, read } = await setUp()
      const first = newProducer()
      await first.initTransactions()
      first.beginTransaction()
      await first.send({ topic, value: 'aborted' })
      const stored = await first.prepareTransaction()
      await first.close()
      if (!stored) throw new Error('It holds a record')
      await admin.endPreparedTransaction(stored, 'abort')
      await admin.endPreparedTransaction(stored, 'abort')
      // Ours takes it for one that was aborted by its timeout (KAFKA-20785).
      const decided = expect.stringMatching(/^KAFKA_(TRANSACTION_ENDED_OTHERWISE|PRODUCER_FENCED)$/)
      await expect(admin.endPreparedTransaction(stored, 'commit')).rejects.toMatchObject({ code: decided, fatal: true })
      await using next = newProducer()
      await next.initTransactions()
      next.beginTransaction()
      await next.send({ topic, value: 'next' })
      await expect(admin.endPreparedTransaction(stored, 'commit')).rejects.toMatchObject({
        code: 'KAFKA_PRODUCER_FENCED',
      })
      await expect(admin.endPreparedTransaction(stored, 'abort')).rejects.toMatchObject({
        code: 'KAFKA_PRODUCER_FENCED',
      })
      expect(await read('read_committed')).toEqual([])
      await next.commitTransaction()
      expect(await read('read_committed')).toEqual(['next'])
      await admin.close()
    })

    it('is lost when it takes longer than its timeout, and says so', async () => {
      const { topic, admin, newProducer } = await setUp()
      const producer = newProducer({ transactionTimeoutMs: 1_000 })
      await producer.initTransactions()
      producer.beginTransaction()
      await producer.send({ topic, value: 'late' })
      const stored = await producer.prepareTransaction()
      await producer.close()
      if (!stored) throw new Error('It holds a record')
      const stateOf = async () => (await admin.describeTransactions([stored.transactionalId]))[0]?.state
      await expect.poll(stateOf, { timeout: 60_000, interval: 200 }).toBe('CompleteAbort')
      await expect(admin.endPreparedTransaction(stored, 'commit')).rejects.toMatchObject({ fatal: true })
      await admin.close()
    })
  })

  it('shows transactions and producers, and ends one that hangs', async () => {
    const { topic, admin, transactionalId, newProducer } = await setUp()
    await using producer = newProducer({ transactionTimeoutMs: 120_000 })
    await producer.initTransactions()
    producer.beginTransaction()
    await producer.send({ topic, partition: 1, value: 'x' })
    const pattern = { transactionalIdPattern: `${transactionalId}.*`, states: ['Ongoing'] }
    expect(await admin.listTransactions(pattern)).toMatchObject([{ transactionalId, state: 'Ongoing' }])
    const [described] = await admin.describeTransactions([transactionalId])
    expect(described).toMatchObject({ state: 'Ongoing', timeoutMs: 120_000, partitions: [{ topic, partition: 1 }] })
    expect(described?.startedAt).toBeGreaterThan(0)
    const [open] = await admin.describeProducers([{ topic, partition: 1 }])
    expect(open).toMatchObject({ currentTransactionStartOffset: 0, producerId: described?.producerId })
    // The coordinator knows of it.
    expect(await admin.findHangingTransactions([{ topic, partition: 1 }], { openForMs: 0 })).toEqual([])
    if (!open) throw new Error('There is a producer')
    await admin.abortTransaction(open)
    const [after] = await admin.describeProducers([{ topic, partition: 1 }])
    expect(after?.currentTransactionStartOffset).toBe(undefined)
    await admin.fenceProducers([transactionalId])
    await expect(producer.commitTransaction()).rejects.toMatchObject({ code: 'KAFKA_PRODUCER_FENCED' })
    await expect(admin.describeTransactions([freshName('none')])).rejects.toMatchObject({
      code: 'KAFKA_TRANSACTIONAL_ID_NOT_FOUND',
    })
    await admin.close()
  })

  it('writes tombstones given as columns', async () => {
    const { topic, admin } = await setUp(1)
    await using producer = new KafkaProducer(options())
    const bytes = (...texts: string[]) => {
      const data = Buffer.from(texts.join(''))
      const offsets = Int32Array.from([0, ...texts.map((_, i) => texts.slice(0, i + 1).join('').length)])
      return { data, offsets }
    }
    await producer.sendBatch({
      topic,
      keys: bytes('a', 'b', 'c'),
      values: { ...bytes('1', '', '3'), nulls: Uint8Array.of(0, 1, 0) },
      timestamps: Float64Array.of(1, 2, 3),
    })
    await using consumer = new KafkaConsumer(options())
    consumer.assign([{ topic, partition: 0 }])
    consumer.seekToBeginning()
    const records: [string, string | null][] = []
    while (records.length < 3) {
      for (const { key, value } of await consumer.poll(500)) {
        records.push([bytesToString(key as Uint8Array), value && bytesToString(value)])
      }
    }
    expect(records).toEqual([
      ['a', '1'],
      ['b', null],
      ['c', '3'],
    ])
    await admin.close()
  })
})
