import { ErrorCode, isControl, isTransactional, producerEpoch } from '@millrace/kafka'
import { asBuffer, seededRandom } from '@millrace/std'
import { ManualClock, SimulatedDisk } from '@millrace/testing'
import { describe, expect, test } from 'vitest'
import { encodeEndTxnMarker, type EndTxnMarker, readEndTxnMarker } from '../../src/log/index.ts'
import { batchesOf, closeLogs, makeBatch, openLog, start } from './fixture.ts'

const leader = { leaderEpoch: 0 }

/** A transactional batch of producer `id`. */
const batch = (id: number, sequence: number, options: { records?: number; epoch?: number } = {}) =>
  makeBatch({
    records: options.records ?? 1,
    producer: { id, sequence, epoch: options.epoch ?? 0 },
    transactional: true,
  })
const plain = (id: number, sequence: number) => makeBatch({ producer: { id, sequence } })

/** A marker of transaction version 1. */
const marker = (producerId: number, commit: boolean, options: Partial<EndTxnMarker> = {}): EndTxnMarker => ({
  producerId,
  producerEpoch: 0,
  coordinatorEpoch: 0,
  commit,
  transactionVersion: 1,
  ...options,
})

describe('a marker', () => {
  test('has the bytes that Kafka writes', () => {
    const bytes = encodeEndTxnMarker(
      { producerId: 0x0102, producerEpoch: 3, coordinatorEpoch: 7, commit: true, transactionVersion: 2 },
      start,
    )
    expect(isControl(bytes, 0) && isTransactional(bytes, 0)).toBe(true)
    expect(producerEpoch(bytes, 0)).toBe(3)
    expect(bytes.byteLength).toBe(78)
    // Length 16, attributes, two deltas, key (4): version 0, type 1; value (6): version 0, coordinator epoch; no headers.
    expect(asBuffer(bytes.subarray(61)).toString('hex')).toBe('20000000080000000' + '10c00000000000700')
    expect(readEndTxnMarker(bytes, 0)).toEqual({ commit: true, coordinatorEpoch: 7 })
    expect(readEndTxnMarker(batch(1, 0), 0)).toBeUndefined()
  })

  test('of a producer that is not known is written, moves the epoch on and ends nothing', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    const result = log.appendEndTxnMarker(marker(5, false, { producerEpoch: 4, transactionVersion: 2 }))
    expect(result).toMatchObject({ errorCode: 0, baseOffset: 0, lastOffset: 0 })
    expect(log.lastStableOffset).toBe(1)
    expect(log.abortedTransactions(0, 1)).toEqual([])
    expect([...log.producers()]).toEqual([
      {
        producerId: 5,
        producerEpoch: 4,
        lastSequence: -1,
        lastTimestamp: start,
        coordinatorEpoch: 0,
        currentTxnStartOffset: -1,
      },
    ])
    expect(log.append(batch(5, 0, { epoch: 3 }), leader).errorCode).toBe(ErrorCode.INVALID_PRODUCER_EPOCH)
    expect(log.append(batch(5, 1, { epoch: 4 }), leader).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(log.append(batch(5, 0, { epoch: 4 }), leader).errorCode).toBe(0)
  })

  test('of an older epoch or an older coordinator is refused, and nothing changes', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    log.append(batch(1, 0, { epoch: 2 }), leader)
    log.appendEndTxnMarker(marker(1, true, { producerEpoch: 2, coordinatorEpoch: 5 }))
    log.append(batch(1, 1, { epoch: 2 }), leader)
    const refused: [Partial<EndTxnMarker>, number][] = [
      [{ producerEpoch: 1, coordinatorEpoch: 5 }, ErrorCode.INVALID_PRODUCER_EPOCH],
      [{ producerEpoch: 2, coordinatorEpoch: 4 }, ErrorCode.TRANSACTION_COORDINATOR_FENCED],
      [{ producerEpoch: 2, coordinatorEpoch: 5, transactionVersion: 2 }, ErrorCode.INVALID_PRODUCER_EPOCH],
    ]
    for (const [options, errorCode] of refused) {
      expect(log.appendEndTxnMarker(marker(1, true, options))).toMatchObject({ errorCode, baseOffset: -1 })
      expect(log).toMatchObject({ endOffset: 3, lastStableOffset: 2 })
      expect(log.hasOngoingTransaction(1, 2)).toBe(true)
    }
  })

  test('KAFKA-17754: one that comes late does not end the next transaction; sent again after the end it does no harm', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    const v2 = { leaderEpoch: 0, transactionVersion: 2 }
    const end = marker(1, true, { producerEpoch: 1, transactionVersion: 2 })
    log.append(batch(1, 0, { epoch: 0 }), v2)
    expect(log.appendEndTxnMarker(end).errorCode).toBe(0)
    expect(log.appendEndTxnMarker(end).errorCode).toBe(0)
    log.append(batch(1, 0, { epoch: 1 }), v2)
    expect(log.appendEndTxnMarker(end).errorCode).toBe(ErrorCode.INVALID_PRODUCER_EPOCH)
    expect(log.lastStableOffset).toBe(3)
  })

  test('that could not be written leaves the transaction open', async () => {
    const clock = new ManualClock({ now: start })
    const disk = new SimulatedDisk({ clock, random: seededRandom(1) })
    const opening = openLog({ fileSystem: disk, clock, config: { flush: 'none' } })
    await clock.settle()
    const { log } = await opening
    log.append(batch(1, 0), leader)
    disk.failNext('write', { code: 'ENOSPC' })
    expect(log.appendEndTxnMarker(marker(1, false)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(log).toMatchObject({ endOffset: 1, lastStableOffset: 0 })
    expect(log.hasOngoingTransaction(1, 0)).toBe(true)
    expect(log.abortedTransactions(0, 9)).toEqual([])
    expect(log.appendEndTxnMarker(marker(1, false))).toMatchObject({ errorCode: 0, baseOffset: 1 })
    expect(log.abortedTransactions(0, 9)).toEqual([{ producerId: 1, firstOffset: 0 }])
  })
})

describe('a transaction', () => {
  test('holds the last stable offset at its first record until its end; what came before and between is told apart', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    log.append(makeBatch({ records: 2 }), leader)
    log.append(batch(1, 0, { records: 3 }), leader)
    log.append(batch(2, 0), leader)
    expect(log).toMatchObject({ lastStableOffset: 2, highWatermark: 6 })
    log.appendEndTxnMarker(marker(1, false))
    expect(log.lastStableOffset).toBe(5)
    log.appendEndTxnMarker(marker(2, true))
    expect(log.lastStableOffset).toBe(8)
    expect(log.abortedTransactions(0, 8)).toEqual([{ producerId: 1, firstOffset: 2 }])
    expect(log.abortedTransactions(0, 2)).toEqual([])
    expect(log.abortedTransactions(6, 8)).toEqual([{ producerId: 1, firstOffset: 2 }])
    expect(log.abortedTransactions(7, 8)).toEqual([])
  })

  test('read_committed stops at the last stable offset; latest is that, and no record at or after it is found by its time', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    log.append(makeBatch({ records: 2, timestamp: start }), leader)
    log.append(batch(1, 0), leader)
    log.append(makeBatch({ timestamp: start + 50 }), leader)
    const offsets = (isolation?: 'read_committed') =>
      batchesOf(log.read(0, 10_000, isolation ? { isolation } : {}).parts).map(({ offset }) => offset)
    expect(offsets()).toEqual([0, 2, 3])
    expect(offsets('read_committed')).toEqual([0])
    expect(log.read(3, 100, { isolation: 'read_committed' })).toMatchObject({ errorCode: 0, size: 0 })
    expect(log.offsetForTimestamp(-1).offset).toBe(4)
    expect(log.offsetForTimestamp(-1, 'read_committed').offset).toBe(2)
    expect(log.offsetForTimestamp(start + 50).offset).toBe(3)
    expect(log.offsetForTimestamp(start + 50, 'read_committed')).toMatchObject({ offset: -1, timestamp: -1 })
  })

  test('is stable only when its marker is below the high watermark', async () => {
    const { clock, log } = await openLog()
    log.append(batch(1, 0), leader)
    await clock.settle()
    log.appendEndTxnMarker(marker(1, true))
    log.append(makeBatch(), leader)
    expect(log).toMatchObject({ highWatermark: 1, lastStableOffset: 0 })
    await clock.settle()
    expect(log).toMatchObject({ highWatermark: 3, lastStableOffset: 3 })
  })

  test('takes no batch of its producer from outside of it', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    log.append(batch(1, 0), leader)
    expect(log.append(plain(1, 1), leader).errorCode).toBe(ErrorCode.INVALID_TXN_STATE)
    expect(log.append(batch(1, 1), leader).errorCode).toBe(0)
    log.appendEndTxnMarker(marker(1, true))
    // Within an epoch sequences go on after a marker.
    expect(log.append(plain(1, 3), leader).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(log.append(plain(1, 2), leader).errorCode).toBe(0)
  })

  test('KIP-890: the first batch of an unknown producer has sequence 0 from version 2 on', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    expect(log.append(batch(1, 3), { ...leader, transactionVersion: 2 }).errorCode).toBe(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    )
    expect(log.append(batch(1, 3), { ...leader, transactionVersion: 1 }).errorCode).toBe(0)
  })

  test("a coordinator's records need no sequence, and are never taken for duplicates", async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    for (let i = 0; i < 3; i++) {
      expect(log.append(batch(1, -1), { ...leader, origin: 'coordinator' })).toMatchObject({
        errorCode: 0,
        baseOffset: i,
        duplicate: false,
      })
    }
    expect(log.hasOngoingTransaction(1, 0)).toBe(true)
    expect(log.hasOngoingTransaction(1, 1)).toBe(false)
    expect(log.lastStableOffset).toBe(0)
  })

  test('DeleteRecords past its beginning lets consumers go on from the new start', async () => {
    const seen: number[] = []
    const { log } = await openLog({
      config: { flush: 'none' },
      manager: { listener: { highWatermarkAdvanced: (one) => seen.push(one.lastStableOffset) } },
    })
    log.append(batch(1, 0, { records: 4 }), leader)
    expect(log.deleteRecordsBefore(2)).toBe(0)
    expect(log.lastStableOffset).toBe(2)
    expect(seen).toEqual([0, 2])
    log.appendEndTxnMarker(marker(1, false))
    expect(log.lastStableOffset).toBe(5)
    expect(log.abortedTransactions(2, 5)).toEqual([{ producerId: 1, firstOffset: 0 }])
  })

  test('its producer does not expire while it is open; the time of markers counts (KAFKA-9144)', async () => {
    const { clock, log } = await openLog({ config: { flush: 'none', producerIdExpirationMs: 1_000, retentionMs: -1 } })
    log.append(batch(1, 0), leader)
    await clock.advanceAsync(5_000)
    log.applyRetention()
    expect(log.hasOngoingTransaction(1, 0)).toBe(true)
    log.appendEndTxnMarker(marker(1, true))
    await clock.advanceAsync(999)
    log.applyRetention()
    expect(log.producerCount).toBe(1)
    await clock.advanceAsync(1)
    log.applyRetention()
    expect(log.producerCount).toBe(0)
  })
})

describe('what went wrong in other brokers', () => {
  test('a last stable offset that is off by one', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    const stable: number[] = []
    const note = () => void stable.push(log.lastStableOffset)
    log.append(makeBatch({ records: 3 }), leader)
    note()
    log.append(batch(1, 0, { records: 2 }), leader)
    note()
    log.append(makeBatch(), leader)
    note()
    log.appendEndTxnMarker(marker(1, true))
    note()
    log.append(batch(1, 2), leader)
    note()
    log.appendEndTxnMarker(marker(1, false))
    note()
    // Before the transaction; at its first record, twice; after its marker; at the next one's; after that one's marker.
    expect(stable).toEqual([3, 3, 3, 7, 7, 9])
  })

  test('a last stable offset past the high watermark, while records and markers wait for the device', async () => {
    const { clock, log } = await openLog()
    const seen: [number, number][] = []
    const note = () => void seen.push([log.lastStableOffset, log.highWatermark])
    for (let i = 0; i < 3; i++) {
      log.append(batch(1, i), leader)
      note()
      log.appendEndTxnMarker(marker(1, i % 2 === 0))
      note()
      if (i !== 1) await clock.settle()
      note()
    }
    expect(seen).toEqual([
      [0, 0],
      [0, 0],
      [2, 2],
      [2, 2],
      [2, 2],
      [2, 2],
      [2, 2],
      [2, 2],
      [6, 6],
    ])
  })

  test('aborted records that are read, because the consumer begins in the middle of the transaction', async () => {
    const { log } = await openLog({ config: { flush: 'none', segmentBytes: 300 } })
    for (let i = 0; i < 12; i++) log.append(batch(1, i), leader)
    log.appendEndTxnMarker(marker(1, false))
    expect(log.segmentCount).toBeGreaterThan(2)
    for (let from = 0; from <= 12; from++) {
      expect(log.read(from, 1, { isolation: 'read_committed' }).abortedTransactions).toEqual([
        { producerId: 1, firstOffset: 0 },
      ])
    }
  })

  test('aborted records that become visible because their transaction was open when the broker died', async () => {
    const opened = await openLog()
    opened.log.append(batch(1, 0), leader)
    await opened.clock.settle()
    await closeLogs(opened)
    opened.fileSystem.remove('data/.kafka_cleanshutdown')
    const { clock, log } = await openLog({ fileSystem: opened.fileSystem, clock: opened.clock })
    expect(log).toMatchObject({ lastStableOffset: 0, highWatermark: 1 })
    expect(log.hasOngoingTransaction(1, 0)).toBe(true)
    log.appendEndTxnMarker(marker(1, false))
    await clock.settle()
    expect(log.read(0, 1_000, { isolation: 'read_committed' }).abortedTransactions).toEqual([
      { producerId: 1, firstOffset: 0 },
    ])
  })
})
