import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RequestOf } from '../../src/codec/schema.ts'
import { isAbortable, isFatal, KafkaProducer } from '../../src/client/index.ts'
import {
  nextState,
  TRANSACTION_STATES,
  type TransactionState,
} from '../../src/client/transactions/transaction-state.ts'
import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  EndTxn,
  FindCoordinator,
  InitProducerId,
  Metadata,
  Produce,
  TxnOffsetCommit,
} from '../../src/definitions/index.ts'
import { ErrorCode } from '../../src/errors/index.ts'
import { baseSequence, isTransactional, producerEpoch } from '../../src/records/index.ts'
import type { Fate } from './support/fake-cluster.ts'
import { FakeTransactions } from './support/fake-transactions.ts'
import { GROUP, send, setUp } from './support/transactional-producer.ts'

describe('TRANSACTION_STATES', () => {
  it('allows exactly the steps in the table', () => {
    const states = Object.keys(TRANSACTION_STATES) as TransactionState[]
    for (const from of states) {
      for (const to of states) {
        if ((TRANSACTION_STATES[from] as readonly string[]).includes(to)) expect(nextState(from, to)).toBe(to)
        else expect(() => nextState(from, to)).toThrow(`a transaction that is ${from} cannot become ${to}`)
      }
    }
  })
})

describe.each([1, 2] as const)('transactions v%i', (version) => {
  it('commits and aborts one after the other', async () => {
    const { system, logs, transactions, producer } = await setUp(version)
    await system.run(producer.initTransactions())
    for (const [i, decision] of ['commit', 'abort', 'abort', 'commit', 'commit'].entries()) {
      producer.beginTransaction()
      send(producer, `${i}a`, `${i}b`)
      await system.run(producer.flush())
      await system.run(decision === 'commit' ? producer.commitTransaction() : producer.abortTransaction())
    }
    expect(logs.map((log) => transactions.committed(log))).toEqual([['0a', '3a', '4a'], ['0b', '3b', '4b'], []])
    await system.run(producer.close())
  })

  it('uses the requests of its version only', async () => {
    const { system, cluster, logs, producer } = await setUp(version)
    await system.run(producer.initTransactions())
    for (let i = 0; i < 2; i++) {
      producer.beginTransaction()
      send(producer, 'a', 'b')
      await system.run(producer.sendOffsetsToTransaction([{ topic: 't', partition: 0, offset: i }], GROUP))
      await system.run(producer.commitTransaction())
    }
    const versionsOf = (api: object) => new Set(cluster.requests.filter((r) => r.api === api).map((r) => r.version))
    const announced = cluster.requests.flatMap(({ api, body }) =>
      api === AddPartitionsToTxn ? (body as RequestOf<typeof AddPartitionsToTxn>).v3AndBelowTopics : [],
    )
    // Each partition once in each transaction.
    expect(announced.flatMap(({ partitions }) => partitions).sort()).toEqual(version === 1 ? [0, 0, 1, 1] : [])
    expect(versionsOf(Produce)).toEqual(new Set([version === 1 ? 11 : 13]))
    expect(versionsOf(EndTxn)).toEqual(new Set([version === 1 ? 4 : 5]))
    expect(versionsOf(TxnOffsetCommit)).toEqual(new Set([version === 1 ? 4 : 5]))
    const batches = logs[0]?.batches ?? []
    expect(batches.map((batch) => isTransactional(batch, 0))).toEqual([true, true])
    // A new epoch starts with sequence 0; the same one goes on.
    expect(batches.map((batch) => [producerEpoch(batch, 0), baseSequence(batch, 0)])).toEqual(
      version === 1
        ? [
            [0, 0],
            [0, 1],
          ]
        : [
            [0, 0],
            [1, 0],
          ],
    )
    await system.run(producer.close())
  })

  it('commits offsets of a group with the records, or not at all', async () => {
    const { system, cluster, producer } = await setUp(version)
    await system.run(producer.initTransactions())
    producer.beginTransaction()
    await system.run(producer.sendOffsetsToTransaction([{ topic: 't', partition: 1, offset: 7 }], GROUP))
    expect(cluster.offsets.size).toBe(0)
    await system.run(producer.abortTransaction())
    expect(cluster.offsets.size).toBe(0)
    producer.beginTransaction()
    await system.run(producer.sendOffsetsToTransaction([{ topic: 't', partition: 1, offset: 8 }], GROUP))
    await system.run(producer.commitTransaction())
    expect([...cluster.offsets]).toEqual([['g/t-1', 8]])
    const request = cluster.requests.find(({ api }) => api === TxnOffsetCommit)
    expect(request?.body).toMatchObject({ memberId: 'm', generationId: 3 })
    await system.run(producer.close())
  })

  it('waits for the end of the transaction before', async () => {
    const { system, cluster, transactions, logs, producer } = await setUp(version)
    await system.run(producer.initTransactions())
    const busy = [EndTxn, version === 1 ? AddPartitionsToTxn : TxnOffsetCommit]
    const refusals = new Map(busy.map((api) => [api.name, 3]))
    const { CONCURRENT_TRANSACTIONS: errorCode } = ErrorCode
    cluster.override(EndTxn, () => (take(refusals, 'EndTxn') ? { errorCode, producerEpoch: -1 } : undefined))
    cluster.override(AddPartitionsToTxn, ({ body }) => {
      if (!take(refusals, 'AddPartitionsToTxn')) return undefined
      const resultsByTopicV3AndBelow = body.v3AndBelowTopics.map(({ name, partitions }) => ({
        name,
        resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: errorCode })),
      }))
      return { resultsByTopicV3AndBelow, resultsByTransaction: [] }
    })
    producer.beginTransaction()
    send(producer, 'a')
    const before = system.clock.monotonic()
    await system.run(producer.commitTransaction())
    expect(transactions.committed(logs[0] as never)).toEqual(['a'])
    expect(refusals.get('EndTxn')).toBe(0)
    // Milliseconds, not the backoff of lost brokers.
    expect(system.clock.monotonic() - before).toBeLessThan(500)
    await system.run(producer.close())
  })

  it('finds its coordinator again when that moves', async () => {
    const { system, cluster, logs, transactions, producer } = await setUp(version)
    await system.run(producer.initTransactions())
    producer.beginTransaction()
    send(producer, 'a')
    await system.run(producer.flush())
    const lookUps = cluster.countOf(FindCoordinator)
    const answers = [ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS]
    cluster.override(EndTxn, () => {
      const errorCode = answers.shift()
      return errorCode === undefined ? undefined : { errorCode, producerEpoch: -1 }
    })
    await system.run(producer.commitTransaction())
    expect(cluster.countOf(FindCoordinator)).toBe(lookUps + 1)
    expect(transactions.committed(logs[0] as never)).toEqual(['a'])
    await system.run(producer.close())
  })

  it('can only be aborted when a record was not written; then the producer goes on', async () => {
    const { system, cluster, logs, transactions, producer } = await setUp(version, { deliveryTimeoutMs: 5_000 })
    await system.run(producer.initTransactions())
    producer.beginTransaction()
    send(producer, 'lost', 'written')
    cluster.fateOf = ({ api, body }) =>
      api === Produce && JSON.stringify(body).includes('"index":0') ? 'silence' : 'answer'
    const failure = await system.run(producer.commitTransaction().catch((error: unknown) => error))
    expect(failure).toMatchObject({ code: 'KAFKA_TRANSACTION_FAILED' })
    expect([isAbortable(failure), isFatal(failure)]).toEqual([true, false])
    const refused = await producer.send({ topic: 't', value: 'x' }).catch((error: unknown) => error)
    expect(refused).toBe(failure)
    await expect(producer.commitTransaction()).rejects.toBe(failure)
    cluster.fateOf = () => 'answer'
    await system.run(producer.abortTransaction())
    producer.beginTransaction()
    send(producer, 'a', 'b')
    await system.run(producer.commitTransaction())
    expect(logs.map((log) => transactions.committed(log))).toEqual([['a'], ['b'], []])
    // Numbers were lost, so the epoch is a new one (KIP-360); v2 has that with every end.
    const raised = cluster.requests.filter(
      ({ api, body }) => api === InitProducerId && (body as never)['producerId'] >= 0,
    )
    expect(raised.length).toBe(version === 1 ? 1 : 0)
    await system.run(producer.close())
  })

  it('is fatal to be fenced by a newer producer', async () => {
    const { system, logs, transactions, producer, newProducer } = await setUp(version)
    await system.run(producer.initTransactions())
    producer.beginTransaction()
    send(producer, 'zombie')
    await system.run(producer.flush())
    const newer = newProducer()
    await system.run(newer.initTransactions())
    const failure = await system.run(producer.commitTransaction().catch((error: unknown) => error))
    expect(failure).toMatchObject({ code: 'KAFKA_PRODUCER_FENCED', fatal: true, abortable: false, retriable: false })
    await expect(producer.abortTransaction()).rejects.toBe(failure)
    expect(() => producer.beginTransaction()).toThrow(failure as Error)
    newer.beginTransaction()
    send(newer, 'new')
    await system.run(newer.commitTransaction())
    expect(transactions.committed(logs[0] as never)).toEqual(['new'])
    await system.run(Promise.all([producer.close(), newer.close()]))
  })

  it('can be aborted when all that was to be added was refused', async () => {
    const { system, cluster, logs, transactions, producer } = await setUp(version)
    await system.run(producer.initTransactions())
    producer.beginTransaction()
    const { TOPIC_AUTHORIZATION_FAILED: denied, GROUP_AUTHORIZATION_FAILED: deniedGroup } = ErrorCode
    const resultsByPartition = [{ partitionIndex: 0, partitionErrorCode: denied }]
    cluster.override(AddPartitionsToTxn, () => {
      return { resultsByTopicV3AndBelow: [{ name: 't', resultsByPartition }], resultsByTransaction: [] }
    })
    cluster.override(AddOffsetsToTxn, () => ({ errorCode: deniedGroup }))
    cluster.override(TxnOffsetCommit, () => {
      return { topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode: deniedGroup }] }] }
    })
    const refused = producer.sendOffsetsToTransaction([{ topic: 't', partition: 0, offset: 1 }], GROUP)
    await expect(system.run(refused)).rejects.toMatchObject({ abortable: true })
    await system.run(producer.abortTransaction())
    if (version === 1) {
      producer.beginTransaction()
      send(producer, 'denied')
      await expect(system.run(producer.commitTransaction())).rejects.toMatchObject({ abortable: true })
      await system.run(producer.abortTransaction())
    }
    for (const api of ['AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit']) cluster.overrides.delete(api)
    producer.beginTransaction()
    send(producer, 'allowed')
    await system.run(producer.commitTransaction())
    expect(transactions.committed(logs[0] as never)).toEqual(['allowed'])
    await system.run(producer.close())
  })

  it('takes nothing more while it is prepared, and waits for offsets that are under way', async () => {
    const { system, cluster, transactions, producer } = await setUp(version)
    await system.run(producer.initTransactions())
    producer.beginTransaction()
    send(producer, 'a')
    const offsets = producer.sendOffsetsToTransaction([{ topic: 't', partition: 0, offset: 9 }], GROUP)
    const preparing = producer.prepareTransaction()
    await expect(producer.send({ topic: 't', value: 'late' })).rejects.toMatchObject({
      code: 'KAFKA_TRANSACTION_STATE',
    })
    await system.run(Promise.all([offsets, preparing]))
    expect([...(transactions.transactions.get('tx')?.offsets ?? [])]).toEqual([['g/t-0', 9]])
    await system.run(producer.commitTransaction())
    expect(cluster.offsets.get('g/t-0')).toBe(9)
    await system.run(producer.close())
  })

  it('may be committed again after a timeout', async () => {
    const { system, cluster, logs, transactions, producer } = await setUp(version, { requestTimeoutMs: 1_000 })
    await system.run(producer.initTransactions())
    producer.beginTransaction()
    send(producer, 'a')
    cluster.fateOf = ({ api }) => (api === EndTxn ? 'silence' : 'answer')
    const late = await system.run(producer.commitTransaction({ timeoutMs: 3_000 }).catch((error: unknown) => error))
    expect(late).toMatchObject({ code: 'KAFKA_TIMEOUT', retriable: true })
    expect(() => producer.beginTransaction()).toThrow('the transaction is committing')
    await expect(producer.abortTransaction()).rejects.toMatchObject({ code: 'KAFKA_TRANSACTION_STATE' })
    cluster.fateOf = () => 'answer'
    await system.run(producer.commitTransaction())
    producer.beginTransaction()
    send(producer, 'b')
    await system.run(producer.commitTransaction())
    expect(transactions.committed(logs[0] as never)).toEqual(['a', 'b'])
    await system.run(producer.close())
  })

  it('asks the coordinator nothing about a transaction that holds nothing', async () => {
    const { system, cluster, producer } = await setUp(version)
    await system.run(producer.initTransactions())
    producer.beginTransaction()
    await system.run(producer.commitTransaction())
    producer.beginTransaction()
    await system.run(producer.abortTransaction())
    producer.beginTransaction()
    expect(await system.run(producer.prepareTransaction())).toBe(undefined)
    expect(cluster.countOf(EndTxn)).toBe(0)
    await system.run(producer.close())
  })

  it('aborts what is open when it is closed, and leaves alone what is prepared', async () => {
    const { system, logs, transactions, producer, newProducer, bootstrapServers } = await setUp(version)
    await system.run(producer.initTransactions())
    producer.beginTransaction()
    send(producer, 'open')
    await system.run(producer.flush())
    await system.run(producer.close())
    expect(transactions.transactions.get('tx')?.state).toBe('CompleteAbort')

    const second = newProducer({ transactionalId: 'prepared' })
    await system.run(second.initTransactions())
    second.beginTransaction()
    send(second, 'kept')
    const prepared = await system.run(second.prepareTransaction())
    expect(() => second.beginTransaction()).toThrow('the transaction is prepared')
    await expect(second.send({ topic: 't', value: 'late' })).rejects.toMatchObject({ code: 'KAFKA_TRANSACTION_STATE' })
    await system.run(second.close())
    expect(transactions.transactions.get('prepared')?.state).toBe('Ongoing')

    const stored = JSON.parse(JSON.stringify(prepared))
    expect(stored).toMatchObject({ transactionalId: 'prepared', producerEpoch: 0, transactionVersion: version })
    const resumed = KafkaProducer.resumeTransaction({ bootstrapServers, system }, stored)
    await system.run(resumed.commit())
    await system.run(resumed.commit())
    await expect(system.run(resumed.abort())).rejects.toMatchObject({ code: 'KAFKA_TRANSACTION_ENDED_OTHERWISE' })
    await resumed.close()
    expect(transactions.committed(logs[0] as never)).toEqual(['kept'])
  })

  it('decides every transaction as it was told, whatever happens to connections and answers', async () => {
    const fate = fc.oneof(
      { weight: 6, arbitrary: fc.constant<Fate>('answer') },
      { weight: 4, arbitrary: fc.constantFrom<Fate>('silence', 'cutBefore', 'cutAfter') },
    )
    const plan = fc.record({ count: fc.integer({ min: 0, max: 7 }), commit: fc.boolean(), flush: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { maxLength: 40 }),
        fc.array(plan, { minLength: 1, maxLength: 6 }),
        fc.nat(),
        async (fates, plans, seed) => {
          const options = { requestTimeoutMs: 2_000, deliveryTimeoutMs: 600_000, batchSize: 150, maxBlockMs: 600_000 }
          const { system, cluster, logs, transactions, producer } = await setUp(version, options, { seed, brokers: 2 })
          const script = [...fates]
          const disturbed = new Set<unknown>([
            Produce,
            Metadata,
            InitProducerId,
            EndTxn,
            AddPartitionsToTxn,
            FindCoordinator,
          ])
          cluster.fateOf = ({ api }) => (disturbed.has(api) ? (script.shift() ?? 'answer') : 'answer')
          await system.run(producer.initTransactions())
          const expected: string[][] = [[], [], []]
          for (const [i, { count, commit, flush }] of plans.entries()) {
            producer.beginTransaction()
            const values = Array.from({ length: count }, (_, n) => `${i}/${n}`)
            send(producer, ...values)
            if (flush) await system.run(producer.flush())
            if (commit) {
              await system.run(producer.commitTransaction())
              values.forEach((value, n) => expected[n % 3]?.push(value))
            } else await system.run(producer.abortTransaction())
          }
          expect(logs.map((log) => transactions.committed(log))).toEqual(expected)
          expect(cluster.failure).toBe(undefined)
          await system.run(producer.close())
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('a transactional producer', () => {
  it('says which call is missing', async () => {
    const { system, producer, bootstrapServers } = await setUp()
    expect(() => producer.beginTransaction()).toThrow('the transaction is uninitialized')
    await expect(producer.send({ topic: 't', value: 'x' })).rejects.toMatchObject({ code: 'KAFKA_TRANSACTION_STATE' })
    await system.run(producer.initTransactions())
    await expect(producer.commitTransaction()).rejects.toMatchObject({ fix: 'Call beginTransaction() first.' })
    await system.run(producer.close())
    const plain = new KafkaProducer({ bootstrapServers, system })
    expect(() => plain.beginTransaction()).toThrow('beginTransaction() needs a transactional producer.')
    await system.run(plain.close())
    expect(() => new KafkaProducer({ bootstrapServers, system, transactionalId: 'x', acks: 1 })).toThrow(
      "transactionalId is 'x'",
    )
  })

  it('moves to v2 with a new epoch when the cluster does', async () => {
    const { system, cluster, producer } = await setUp(1)
    await system.run(producer.initTransactions())
    producer.beginTransaction()
    send(producer, 'a')
    await system.run(producer.flush())
    new FakeTransactions(cluster, 2)
    cluster.cutConnections(0)
    await system.pass(100)
    // The coordinator in this test is a new one: only the requests are looked at.
    cluster.override(EndTxn, () => ({ producerEpoch: -1 }))
    cluster.override(InitProducerId, () => ({ producerId: 1000, producerEpoch: 1 }))
    await system.run(producer.commitTransaction())
    const raise = cluster.requests.findLast(({ api }) => api === InitProducerId)
    expect(raise?.body).toMatchObject({ producerId: 1000, producerEpoch: 0 })
    producer.beginTransaction()
    cluster.override(Produce, () => undefined)
    send(producer, 'b')
    await system.run(producer.flush())
    expect(cluster.requests.findLast(({ api }) => api === Produce)?.version).toBe(13)
    await system.run(producer.close())
  })

  it('needs nobody to look at each send: the commit tells', async () => {
    const { system, cluster, producer } = await setUp(2, { deliveryTimeoutMs: 5_000 })
    await system.run(producer.initTransactions())
    producer.beginTransaction()
    const unhandled: unknown[] = []
    const note = (error: unknown) => void unhandled.push(error)
    process.on('unhandledRejection', note)
    cluster.fateOf = ({ api }) => (api === Produce ? 'silence' : 'answer')
    void producer.send({ topic: 't', value: 'lost' })
    await expect(system.run(producer.commitTransaction())).rejects.toMatchObject({ abortable: true })
    await system.pass(1_000)
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
    cluster.fateOf = () => 'answer'
    await system.run(producer.close())
  })

  it('refuses to resume what is no prepared transaction', async () => {
    const { system, producer, bootstrapServers } = await setUp()
    for (const stored of [undefined, {}, { transactionalId: 'x', producerId: 1, producerEpoch: 1 }]) {
      expect(() => KafkaProducer.resumeTransaction({ bootstrapServers, system }, stored as never)).toThrow(
        'no prepared transaction',
      )
    }
    await system.run(producer.close())
  })
})

function take(counts: Map<string, number>, key: string): boolean {
  const left = counts.get(key) ?? 0
  if (left > 0) counts.set(key, left - 1)
  return left > 0
}
