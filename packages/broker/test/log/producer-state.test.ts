import { ErrorCode } from '@millrace/kafka'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeProducerSnapshot, encodeProducerSnapshot } from '../../src/log/producer-snapshot.ts'
import { ProducerEntry } from '../../src/log/producer-entry.ts'
import { ProducerState } from '../../src/log/producer-state.ts'
import { closeLogs, makeBatch, openLog } from './fixture.ts'

const leader = { leaderEpoch: 0 }
const batch = (sequence: number, options: { records?: number; epoch?: number; id?: number } = {}) =>
  makeBatch({ records: options.records ?? 1, producer: { id: options.id ?? 7, epoch: options.epoch ?? 0, sequence } })

describe('idempotent producers', () => {
  test('a batch that is sent again gets its first offset again, for the last five', async () => {
    const { log } = await openLog()
    for (let i = 0; i < 7; i++) log.append(batch(i * 2, { records: 2 }), leader)
    for (let i = 2; i < 7; i++) {
      expect(log.append(batch(i * 2, { records: 2 }), leader)).toMatchObject({
        errorCode: 0,
        baseOffset: i * 2,
        lastOffset: i * 2 + 1,
        duplicate: true,
      })
    }
    expect(log.append(batch(2, { records: 2 }), leader).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(log.endOffset).toBe(14)
    expect(log.metrics.duplicateBatches).toBe(5)
  })

  test('a gap or a step back is refused and does not move the sequence', async () => {
    const { log } = await openLog()
    log.append(batch(0), leader)
    expect(log.append(batch(2), leader).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(log.append(batch(1), leader)).toMatchObject({ errorCode: 0, baseOffset: 1 })
    const corrupt = batch(2)
    corrupt[65] = (corrupt[65] as number) ^ 1
    expect(log.append(corrupt, leader).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE)
    expect(log.append(batch(2), leader)).toMatchObject({ errorCode: 0, baseOffset: 2 })
  })

  test('an older epoch is fenced; a newer one starts at 0', async () => {
    const { log } = await openLog()
    log.append(batch(0, { epoch: 3 }), leader)
    expect(log.append(batch(1, { epoch: 2 }), leader).errorCode).toBe(ErrorCode.INVALID_PRODUCER_EPOCH)
    expect(log.append(batch(1, { epoch: 4 }), leader).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(log.append(batch(0, { epoch: 4 }), leader)).toMatchObject({ errorCode: 0, baseOffset: 1, duplicate: false })
    expect(log.append(batch(0, { epoch: 3 }), leader).errorCode).toBe(ErrorCode.INVALID_PRODUCER_EPOCH)
  })

  test('after 2^31 - 1 comes 0', async () => {
    const { log } = await openLog()
    expect(log.append(batch(0x7fff_fffe, { records: 3 }), leader).errorCode).toBe(0)
    expect(log.append(batch(1), leader).errorCode).toBe(0)
    expect(log.append(batch(0x7fff_fffe, { records: 3 }), leader)).toMatchObject({ baseOffset: 0, duplicate: true })
  })

  test('an unknown producer may begin anywhere: its state may have gone with old segments', async () => {
    const { log } = await openLog()
    expect(log.append(batch(41), leader).errorCode).toBe(0)
    expect(log.append(batch(43), leader).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  })

  test('one that is silent for producer.id.expiration.ms is forgotten, however old its records are', async () => {
    const { clock, log } = await openLog({ config: { producerIdExpirationMs: 1_000, retentionMs: -1 } })
    log.append(makeBatch({ timestamp: 5, producer: { id: 1, sequence: 0 } }), leader)
    await clock.advanceAsync(999)
    log.applyRetention()
    expect(log.producerCount).toBe(1)
    await clock.advanceAsync(1)
    log.applyRetention()
    expect(log.producerCount).toBe(0)
  })

  test.each([
    ['clean', true],
    ['unclean', false],
  ])('sequences survive a %s restart', async (_name, clean) => {
    const opened = await openLog({ config: { segmentBytes: 400 } })
    for (let i = 0; i < 20; i++) opened.log.append(batch(Math.floor(i / 2), { id: i % 2 }), leader)
    await opened.clock.settle()
    await closeLogs(opened)
    if (!clean) opened.fileSystem.remove('data/.kafka_cleanshutdown')
    const { log } = await openLog({ fileSystem: opened.fileSystem, clock: opened.clock, config: { segmentBytes: 400 } })
    expect(log.endOffset).toBe(20)
    for (const id of [0, 1]) {
      expect(log.append(batch(11, { id }), leader).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
      expect(log.append(batch(9, { id }), leader)).toMatchObject({ baseOffset: 18 + id, duplicate: true })
      expect(log.append(batch(10, { id }), leader)).toMatchObject({ errorCode: 0, baseOffset: 20 + id })
    }
  })
})

describe('producer snapshot', () => {
  const entry = fc.record({
    id: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    epoch: fc.nat(32_766),
    time: fc.nat({ max: 2 ** 45 }),
    first: fc.option(fc.integer({ min: 0, max: 0x7fff_ffff })),
    delta: fc.nat(10_000),
    offset: fc.nat({ max: 2 ** 50 }),
  })

  test('brings back what was written; a changed byte is noticed', () => {
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: ({ id }) => id, maxLength: 20 }), fc.nat(), (entries, flip) => {
        const state = new ProducerState()
        for (const { id, epoch, time, first, delta, offset } of entries) {
          const made = new ProducerEntry(id, epoch, time)
          if (first !== null) made.add(first, (first + delta) & 0x7fff_ffff, offset, offset + delta)
          state.restore(made)
        }
        const bytes = encodeProducerSnapshot(state)
        const back = new ProducerState()
        expect(decodeProducerSnapshot(bytes, back)).toBe(true)
        expect(encodeProducerSnapshot(back)).toEqual(bytes)
        for (const { id, first, delta, offset } of entries) {
          const found = back.entry(id)
          expect(found?.lastSequence).toBe(first === null ? -1 : (first + delta) & 0x7fff_ffff)
          if (first !== null) expect(found?.offsetOf(first, (first + delta) & 0x7fff_ffff)).toBe(offset)
        }
        const at = flip % bytes.byteLength
        bytes[at] = (bytes[at] as number) ^ 0x10
        expect(decodeProducerSnapshot(bytes, new ProducerState())).toBe(false)
      }),
    )
  })

  test('bytes that are no snapshot are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeProducerSnapshot(bytes, new ProducerState())).toBe(false)
      }),
    )
  })
})
