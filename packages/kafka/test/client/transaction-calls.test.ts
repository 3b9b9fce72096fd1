// Calls that meet: made twice, while another runs, while the producer is closed, or given up by a signal.
import { describe, expect, it } from 'vitest'
import { EndTxn, InitProducerId, Produce } from '../../src/definitions/index.ts'
import { ErrorCode } from '../../src/errors/index.ts'
import { send, setUp } from './support/transactional-producer.ts'

const raise = (error: unknown) => error

async function begun(version: 1 | 2, ...values: string[]) {
  const parts = await setUp(version, { requestTimeoutMs: 1_000 })
  await parts.system.run(parts.producer.initTransactions())
  parts.producer.beginTransaction()
  send(parts.producer, ...values)
  return parts
}

describe.each([1, 2] as const)('transactions v%i', (version) => {
  it('are ended once when the same call is made twice', async () => {
    const { system, cluster, logs, transactions, producer } = await begun(version, 'a')
    await system.run(Promise.all([producer.commitTransaction(), producer.commitTransaction()]))
    expect(cluster.countOf(EndTxn)).toBe(1)
    producer.beginTransaction()
    send(producer, 'b')
    await system.run(producer.flush())
    await system.run(Promise.all([producer.abortTransaction(), producer.abortTransaction()]))
    producer.beginTransaction()
    send(producer, 'c')
    const [first, second] = await system.run(
      Promise.all([producer.prepareTransaction(), producer.prepareTransaction()]),
    )
    expect(second).toEqual(first)
    await system.run(producer.commitTransaction())
    expect(transactions.committed(logs[0] as never)).toEqual(['a', 'c'])
    await system.run(producer.close())
  })

  it('can be aborted while they are prepared: then they are not', async () => {
    const { system, transactions, producer } = await begun(version, 'a')
    const preparing = producer.prepareTransaction().catch(raise)
    const aborting = producer.abortTransaction()
    await expect(producer.commitTransaction()).rejects.toMatchObject({ code: 'KAFKA_TRANSACTION_STATE' })
    await system.run(aborting)
    expect(await preparing).toMatchObject({ code: 'KAFKA_TRANSACTION_FAILED', abortable: true })
    producer.beginTransaction()
    send(producer, 'b')
    await system.run(producer.commitTransaction())
    expect(transactions.transactions.get('tx')?.state).toBe('CompleteCommit')
    await system.run(producer.close())
  })

  it('come to their end when the producer is closed meanwhile', async () => {
    const { system, logs, transactions, producer } = await begun(version, 'a')
    await system.run(Promise.all([producer.commitTransaction(), producer.close()]))
    expect(transactions.committed(logs[0] as never)).toEqual(['a'])
  })

  it('of which nobody knows what became of the commit are not said to be aborted', async () => {
    const { system, cluster, producer } = await begun(version, 'a')
    cluster.fateOf = ({ api }) => (api === EndTxn ? 'silence' : 'answer')
    const committing = producer.commitTransaction().catch(raise)
    await system.run(producer.close({ timeoutMs: 5_000 }))
    expect(await committing).toMatchObject({ code: 'KAFKA_CLIENT_CLOSED', abortable: false })
  })

  it('are aborted by a close after the time for preparing or aborting them was too short', async () => {
    for (const call of ['prepareTransaction', 'abortTransaction'] as const) {
      const { system, cluster, transactions, producer } = await begun(version, 'a')
      await system.run(producer.flush())
      send(producer, 'b')
      cluster.fateOf = ({ api }) => (api === Produce || api === EndTxn ? 'silence' : 'answer')
      const late = await system.run(producer[call]({ timeoutMs: 1_500 }).catch(raise))
      expect(late).toMatchObject({ code: 'KAFKA_TIMEOUT' })
      cluster.fateOf = () => 'answer'
      await system.run(producer.close())
      expect(['Empty', 'CompleteAbort']).toContain(transactions.transactions.get('tx')?.state)
    }
  })

  it('can be given up by a signal while records are being written, and the call made again', async () => {
    const { system, cluster, logs, transactions, producer } = await begun(version)
    cluster.fateOf = ({ api }) => (api === Produce ? 'silence' : 'answer')
    send(producer, 'a')
    const enough = new AbortController()
    const committing = producer.commitTransaction({ signal: enough.signal }).catch(raise)
    enough.abort(new Error('enough'))
    expect(await system.run(committing)).toMatchObject({ message: 'enough' })
    cluster.fateOf = () => 'answer'
    await system.run(producer.commitTransaction())
    expect(transactions.committed(logs[0] as never)).toEqual(['a'])
    await system.run(producer.close())
  })
})

describe('transactions', () => {
  it.each([
    ['is too large', { topic: 't', partition: 0, value: Buffer.alloc(2_000_000) }, 'KAFKA_RECORD_TOO_LARGE'],
    ['names a partition that there is not', { topic: 't', partition: 7, value: 'a' }, 'KAFKA_UNKNOWN_PARTITION'],
    ['names a topic that there is not', { topic: 'missing', value: 'a' }, 'KAFKA_TIMEOUT'],
    ['has a time that is none', { topic: 't', value: 'a', timestamp: 0.5 }, 'KAFKA_INVALID_TIMESTAMP'],
  ])('can only be aborted when a record %s, also if nobody looks at the send', async (_what, record, code) => {
    const { system, transactions, producer } = await begun(2, 'written')
    await system.run(producer.flush())
    const sent = producer.send(record).catch(raise)
    expect(await system.run(producer.commitTransaction().catch(raise))).toMatchObject({ abortable: true })
    expect(await sent).toMatchObject({ code })
    await system.run(producer.abortTransaction())
    expect(transactions.transactions.get('tx')?.state).toBe('CompleteAbort')
    producer.beginTransaction()
    send(producer, 'next')
    await system.run(producer.commitTransaction())
    await system.run(producer.close())
  })

  it('that are committed are not said to have failed when the epoch after them cannot be had', async () => {
    const { system, cluster, logs, transactions, producer } = await begun(1, 'a')
    await system.run(producer.flush())
    // The cluster moves to v2: the next transaction needs an epoch of its own.
    cluster.features.set('transaction.version', 2)
    cluster.cutConnections(0)
    await system.pass(100)
    cluster.override(InitProducerId, () => ({
      errorCode: ErrorCode.PRODUCER_FENCED,
      producerId: -1,
      producerEpoch: -1,
    }))
    await system.run(producer.commitTransaction())
    expect(transactions.committed(logs[0] as never)).toEqual(['a'])
    expect(() => producer.beginTransaction()).toThrow(expect.objectContaining({ code: 'KAFKA_PRODUCER_FENCED' }))
    await system.run(producer.close())
  })

  it('can be aborted when a partition is not in them: brokers before TRANSACTION_ABORTABLE say it so', async () => {
    const { system, cluster, producer } = await begun(1)
    const refused = { index: 0, errorCode: ErrorCode.INVALID_TXN_STATE, baseOffset: -1 }
    let isRefused = true
    cluster.override(Produce, () =>
      isRefused ? { responses: [{ name: 't', partitionResponses: [refused] }] } : undefined,
    )
    send(producer, 'a')
    expect(await system.run(producer.commitTransaction().catch(raise))).toMatchObject({ abortable: true, fatal: false })
    isRefused = false
    await system.run(producer.abortTransaction())
    producer.beginTransaction()
    send(producer, 'b')
    await system.run(producer.commitTransaction())
    await system.run(producer.close())
  })
})
