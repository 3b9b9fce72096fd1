import { ManualClock } from '@millrace/testing'
import { describe, expect, test } from 'vitest'
import { CoordinatorUnavailableError } from '../../src/journal/state-runner.ts'
import type { ProducerIdAndEpoch, TransactionValue } from '../../src/transactions/transaction-record.ts'
import { silentLogger } from '../../src/logger.ts'
import { MarkerSender } from '../../src/transactions/marker-sender.ts'
import { lastUsableEpoch, newTransactionValue } from '../../src/transactions/transaction-record.ts'
import { TransactionRunner } from '../../src/transactions/transaction-runner.ts'
import { encodeTransactionRecord } from '../../src/transactions/transaction-record-codec.ts'
import { MemoryJournal } from './memory-journal.ts'
import { timeoutMs, topic, TransactionWorld } from './transaction-world.ts'

const transactionalId = 'id'

/** Asks one coordinator, whose devices never make anybody wait. */
class Asker {
  readonly world = new TransactionWorld()

  async ask<T>(question: Promise<T>): Promise<T> {
    let isAnswered = false
    const answered = question.finally(() => {
      isAnswered = true
    })
    for (let i = 0; !isAnswered; i++) {
      this.world.flushAll()
      await this.world.settle()
      // Who waits for markers that cannot be written gives up after a while.
      if (i > 3) this.world.clock.advance(100)
    }
    return answered
  }

  init(expected?: ProducerIdAndEpoch, timeout = timeoutMs) {
    return this.ask(this.world.coordinator.initProducer({ transactionalId, timeoutMs: timeout, expected }))
  }

  add(producer: ProducerIdAndEpoch, partition = 0, clientVersion: 0 | 2 = 2) {
    const partitions = [{ topic, partition }]
    return this.ask(
      this.world.coordinator.addPartitions({ transactionalId, ...identityOf(producer), partitions, clientVersion }),
    )
  }

  end(producer: ProducerIdAndEpoch, commit: boolean, clientVersion: 0 | 2 = 2) {
    return this.ask(
      this.world.coordinator.endTransaction({ transactionalId, ...identityOf(producer), commit, clientVersion }),
    )
  }

  /** Lets markers be written and flushed. */
  async complete() {
    for (let i = 0; i < 5; i++) {
      this.world.flushAll()
      await this.world.settle()
    }
  }

  async state() {
    return (await this.world.coordinator.describe(transactionalId))?.state
  }

  async restart() {
    this.world.flushAll()
    await this.world.crash([])
  }

  /** Puts a record into the log of the transactional id, as an earlier broker would have. */
  async recorded(value: Partial<TransactionValue>): Promise<void> {
    await this.init()
    const before = (await this.world.coordinator.describe(transactionalId)) as TransactionValue
    const journal = this.world.journals.find(({ entries }) => entries.length > 0) as MemoryJournal
    journal.append([encodeTransactionRecord({ transactionalId, value: { ...before, ...value } })])
    await this.restart()
  }
}

function identityOf({ producerId, producerEpoch }: ProducerIdAndEpoch): ProducerIdAndEpoch {
  return { producerId, producerEpoch }
}

describe('a producer with a transactional id', () => {
  test('gets the next epoch each time it starts, also after a restart of the broker', async () => {
    const asker = new Asker()
    expect(await asker.init()).toEqual({ error: 'NONE', producerId: 0, producerEpoch: 0 })
    expect(await asker.init()).toEqual({ error: 'NONE', producerId: 0, producerEpoch: 1 })
    await asker.restart()
    expect(await asker.init()).toEqual({ error: 'NONE', producerId: 0, producerEpoch: 2 })
  })

  test('KAFKA-19367: an open transaction that is aborted when the next producer starts costs one epoch, not two', async () => {
    const asker = new Asker()
    const first = await asker.init()
    await asker.add(first)
    expect(await asker.init()).toMatchObject({ error: 'CONCURRENT_TRANSACTIONS' })
    await asker.complete()
    expect(await asker.world.coordinator.describe(transactionalId)).toMatchObject({
      state: 'CompleteAbort',
      producerEpoch: 1,
    })
    expect(await asker.init()).toEqual({ error: 'NONE', producerId: 0, producerEpoch: 2 })
  })

  test('a zombie that goes on with an old epoch does not abort the transaction of the one that replaced it', async () => {
    const asker = new Asker()
    const zombie = await asker.init()
    const current = await asker.init()
    await asker.add(current)
    expect(await asker.init(identityOf(zombie))).toMatchObject({ error: 'PRODUCER_FENCED' })
    expect(await asker.state()).toBe('Ongoing')
  })

  test('gets a new producer id when the epochs are used up, and the same again when it did not hear of it', async () => {
    const asker = new Asker()
    await asker.recorded({ producerEpoch: lastUsableEpoch })
    const rotated = await asker.init({ producerId: 0, producerEpoch: lastUsableEpoch })
    expect(rotated).toEqual({ error: 'NONE', producerId: 1, producerEpoch: 0 })
    expect(await asker.init({ producerId: 0, producerEpoch: lastUsableEpoch })).toEqual(rotated)
    await asker.restart()
    expect(await asker.init({ producerId: 0, producerEpoch: lastUsableEpoch })).toEqual(rotated)
  })
})

describe('the end of a transaction', () => {
  test('may be asked for again, with the ids of then, from a program that knows nothing else, after any restart', async () => {
    const asker = new Asker()
    const producer = await asker.init()
    await asker.add(producer)
    const ended = await asker.end(producer, true)
    expect(ended).toEqual({ error: 'NONE', producerId: 0, producerEpoch: 1 })
    await asker.restart()
    await asker.complete()
    expect(await asker.end(producer, true)).toEqual(ended)
    await asker.restart()
    expect(await asker.end(producer, true)).toEqual(ended)
  })

  test('with v1 as well; a commit after an abort is INVALID_TXN_STATE', async () => {
    const asker = new Asker()
    const producer = await asker.init()
    await asker.add(producer, 0, 0)
    expect(await asker.end(producer, false, 0)).toMatchObject({ error: 'NONE' })
    await asker.complete()
    await asker.restart()
    expect(await asker.end(producer, false, 0)).toMatchObject({ error: 'NONE' })
    expect(await asker.end(producer, true, 0)).toMatchObject({ error: 'INVALID_TXN_STATE' })
  })

  test('KAFKA-17754: an EndTxn that is delayed does not touch the next transaction', async () => {
    const asker = new Asker()
    const first = await asker.init()
    await asker.add(first)
    const second = await asker.end(first, true)
    await asker.complete()
    await asker.add(second)
    expect(await asker.end(first, true)).toMatchObject({ error: 'PRODUCER_FENCED' })
    expect(await asker.end(first, false)).toMatchObject({ error: 'PRODUCER_FENCED' })
    expect(await asker.state()).toBe('Ongoing')
    expect(await asker.end(second, true)).toMatchObject({ error: 'NONE', producerEpoch: 2 })
  })

  test('FLINK-40689: at the last epoch it moves on to a new producer id, and is recognised by the old one', async () => {
    const asker = new Asker()
    await asker.recorded({ producerEpoch: lastUsableEpoch })
    const producer = { producerId: 0, producerEpoch: lastUsableEpoch }
    await asker.add(producer)
    const next = { error: 'NONE', producerId: 1, producerEpoch: 0 }
    expect(await asker.end(producer, true)).toEqual(next)
    await asker.restart()
    await asker.complete()
    expect(await asker.end(producer, true)).toEqual(next)
    await asker.restart()
    expect(await asker.end(producer, true)).toEqual(next)
    expect(await asker.add(next)).toBe('NONE')
  })

  test('a producer that has its new id before the markers are written is told to wait, not that it is unknown (KAFKA-18660)', async () => {
    const asker = new Asker()
    await asker.recorded({ producerEpoch: lastUsableEpoch })
    const producer = { producerId: 0, producerEpoch: lastUsableEpoch }
    await asker.add(producer)
    for (const log of asker.world.partitions) log.isAvailable = false
    const next = await asker.end(producer, true)
    expect(await asker.add(next)).toBe('CONCURRENT_TRANSACTIONS')
    expect(await asker.end(next, false)).toMatchObject({ error: 'CONCURRENT_TRANSACTIONS' })
  })
})

describe('a transaction that takes too long', () => {
  async function timedOut(clientVersion: 0 | 2, epoch = 0) {
    const asker = new Asker()
    if (epoch > 0) await asker.recorded({ producerEpoch: epoch })
    const producer = epoch > 0 ? { producerId: 0, producerEpoch: epoch } : await asker.init()
    await asker.add(producer, 0, clientVersion)
    asker.world.clock.advance(timeoutMs + 10_001)
    await asker.complete()
    expect(await asker.state()).toBe('CompleteAbort')
    return { asker, producer }
  }

  test('is aborted, and its producer fenced', async () => {
    const { asker, producer } = await timedOut(0)
    expect(await asker.add(producer, 0, 0)).toBe('PRODUCER_FENCED')
    expect(await asker.end(producer, true, 0)).toMatchObject({ error: 'PRODUCER_FENCED' })
    expect(asker.world.partitions[0]?.entries).toMatchObject([{ kind: 'marker', epoch: 1, commit: false }])
  })

  test('KAFKA-20785: a commit that was on its way is answered with PRODUCER_FENCED, not with INVALID_TXN_STATE', async () => {
    const { asker, producer } = await timedOut(2)
    expect(await asker.end(producer, true)).toMatchObject({ error: 'PRODUCER_FENCED' })
    await asker.restart()
    expect(await asker.end(producer, true)).toMatchObject({ error: 'PRODUCER_FENCED' })
  })

  test('an abort that was on its way gets the next epoch', async () => {
    const { asker, producer } = await timedOut(2)
    const next = await asker.end(producer, false)
    expect(next).toEqual({ error: 'NONE', producerId: 0, producerEpoch: 1 })
    expect(await asker.add(next)).toBe('NONE')
  })

  test('KAFKA-20090: at the last epoch the producer moves on to a new id as well', async () => {
    const { asker, producer } = await timedOut(2, lastUsableEpoch)
    const next = await asker.end(producer, false)
    expect(next).toEqual({ error: 'NONE', producerId: 1, producerEpoch: 0 })
    expect(await asker.add(next)).toBe('NONE')
    expect(await asker.end(next, true)).toMatchObject({ error: 'NONE', producerEpoch: 1 })
  })
})

describe('the markers', () => {
  test('of a recovered transaction are on every partition before it is complete, however late a partition comes up', async () => {
    const asker = new Asker()
    const producer = await asker.init()
    for (const partition of [0, 1, 2]) {
      await asker.add(producer, partition)
      asker.world.partitions[partition]?.append(0, 0, 1, () => {})
    }
    await asker.complete()
    for (const log of asker.world.partitions) log.isAvailable = false
    await asker.end(producer, false)
    await asker.restart()
    for (const [i, log] of asker.world.partitions.entries()) {
      asker.world.clock.advance(60_000)
      await asker.complete()
      const { state, partitions } = (await asker.world.coordinator.describe(transactionalId)) as TransactionValue
      expect(state).toBe('PrepareAbort')
      expect([...(partitions.get(topic) ?? [])]).toEqual([0, 1, 2].slice(i))
      expect(await asker.add({ producerId: 0, producerEpoch: 1 }, i)).toBe('CONCURRENT_TRANSACTIONS')
      log.isAvailable = true
    }
    asker.world.clock.advance(60_000)
    await asker.complete()
    expect(await asker.state()).toBe('CompleteAbort')
    for (const log of asker.world.partitions) expect(log.outcomes()).toEqual([{ tag: 1, commit: false }])
  })

  test('are not written before the decision is on the device', async () => {
    const asker = new Asker()
    const producer = await asker.init()
    await asker.add(producer)
    await asker.complete()
    const pending = asker.world.coordinator.endTransaction({
      transactionalId,
      ...identityOf(producer),
      commit: true,
      clientVersion: 2,
    })
    await asker.world.settle()
    expect(asker.world.partitions[0]?.entries).toEqual([])
    await asker.ask(pending)
    expect(asker.world.partitions[0]?.entries).toMatchObject([{ kind: 'marker', commit: true }])
  })

  test('the completion that finds no room is written when there is some', async () => {
    const asker = new Asker()
    const producer = await asker.init()
    await asker.add(producer)
    for (const log of asker.world.partitions) log.isAvailable = false
    await asker.end(producer, true)
    for (const log of asker.world.partitions) log.isAvailable = true
    for (const journal of asker.world.journals) journal.isFull = true
    asker.world.clock.advance(10_000)
    await asker.complete()
    expect(asker.world.partitions[0]?.entries).toHaveLength(1)
    expect(await asker.state()).toBe('PrepareCommit')
    for (const journal of asker.world.journals) journal.isFull = false
    asker.world.clock.advance(10_000)
    await asker.complete()
    expect(await asker.state()).toBe('CompleteCommit')
  })
})

test('a transactional id that nobody uses is forgotten, one with an open transaction is not', async () => {
  const asker = new Asker()
  await asker.init()
  asker.world.clock.advance(1_000_000_000 + 100_000_000)
  await asker.complete()
  expect(await asker.state()).toBeUndefined()
  expect(await asker.init()).toEqual({ error: 'NONE', producerId: 1, producerEpoch: 0 })
})

test('many transactional ids are forgotten in units that fit a segment', () => {
  const journal = new MemoryJournal()
  const value = newTransactionValue(0, timeoutMs, 0)
  journal.append(Array.from({ length: 3_000 }, (_, i) => encodeTransactionRecord({ transactionalId: `id${i}`, value })))
  const clock = new ManualClock()
  const runner = new TransactionRunner({
    journal,
    clock,
    logger: silentLogger,
    markers: new MarkerSender({ writer: { write: () => {} }, timers: clock, logger: silentLogger }),
    nextProducerId: () => Promise.resolve(0),
    completed: () => {},
  })
  runner.load()
  const units: number[] = []
  const append = journal.append.bind(journal)
  journal.append = (records) => {
    units.push(records.length)
    append(records)
  }
  runner.expire(1)
  expect(units).toEqual([1_000, 1_000, 1_000])
  expect([...runner.shard.entries()]).toEqual([])
})

test('a new transaction waits a little for the end of the one before it, where the client cannot know', async () => {
  const asker = new Asker()
  const producer = await asker.init()
  await asker.add(producer)
  for (const log of asker.world.partitions) log.isAvailable = false
  const next = await asker.end(producer, true)
  const request = {
    transactionalId,
    ...identityOf(next),
    partitions: [{ topic, partition: 1 }],
    clientVersion: 2,
  } as const
  const waiting = asker.world.coordinator.addPartitions(request)
  const late = asker.world.coordinator.addPartitions(request)
  await asker.complete()
  asker.world.clock.advance(99)
  for (const log of asker.world.partitions) log.isAvailable = true
  asker.world.clock.advance(21)
  expect(await asker.ask(late)).toBe('CONCURRENT_TRANSACTIONS')
  expect(await asker.ask(waiting)).toBe('CONCURRENT_TRANSACTIONS')
  asker.world.clock.advance(10_000)
  await asker.complete()
  expect(await asker.ask(asker.world.coordinator.addPartitions(request))).toBe('NONE')
  await asker.end(next, true)
  const after = { ...request, producerEpoch: next.producerEpoch + 1 }
  // The markers are on their way: it is answered as soon as they are there.
  expect(await asker.ask(asker.world.coordinator.addPartitions(after))).toBe('NONE')
})

describe('a coordinator', () => {
  test('that cannot read one of its logs writes no markers of the transactions in the others', async () => {
    const asker = new Asker()
    const producer = await asker.init()
    await asker.add(producer)
    for (const log of asker.world.partitions) log.isAvailable = false
    await asker.end(producer, true)
    for (const log of asker.world.partitions) log.isAvailable = true
    const damaged = asker.world.journals.find(({ entries }) => entries.length === 0) as MemoryJournal
    damaged.replay = () => {
      throw new Error('damaged')
    }
    await expect(asker.restart()).rejects.toThrow('damaged')
    asker.world.clock.advance(100_000)
    await asker.complete()
    expect(asker.world.partitions[0]?.entries).toEqual([])
  })

  test('that is closed while its logs are made reads and writes nothing', async () => {
    const { world } = new Asker()
    const loading = world.coordinator.ready()
    world.coordinator.close()
    await expect(loading).rejects.toThrow(CoordinatorUnavailableError)
  })
})
