import {
  attributes,
  baseOffset,
  deleteHorizon,
  ErrorCode,
  iterateRecords,
  lastOffset,
  RecordBatchBuilder,
  recordCount,
} from '@millrace/kafka'
import { bytesToString, seededRandom, utf8 } from '@millrace/std'
import { ManualClock, SimulatedDisk } from '@millrace/testing'
import { describe, expect, test } from 'vitest'
import { defaultCleanerConfig } from '../../src/log/cleaner/cleaner-config.ts'
import type { LogConfig, PartitionLog } from '../../src/log/index.ts'
import { closeLogs, type Opened, openLog, openLogs, start } from './fixture.ts'

const config: Partial<LogConfig> = {
  cleanupPolicy: ['compact'],
  segmentBytes: 400,
  indexIntervalBytes: 100,
  minCleanableDirtyRatio: 0.01,
  deleteRetentionMs: 1_000,
}

interface Written {
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  readonly producer?: {
    readonly id: number
    readonly epoch?: number
    readonly sequence: number
    readonly transactional?: boolean
  }
  readonly timestamp?: number
}

/** Appends `key=value` pairs as one batch; `key=` is a tombstone. Answers the first offset. */
function write(log: PartitionLog, pairs: string, options: Written = {}): number {
  const builder = new RecordBatchBuilder({ compression: options.compression ?? 'none' })
  for (const pair of pairs.split(' ')) {
    const [key, value] = pair.split('=') as [string, string]
    builder.append(utf8(key), value === '' ? null : utf8(value), options.timestamp ?? start, [
      { key: 'h', value: utf8(key) },
    ])
  }
  const { producer } = options
  const batch = builder.finish(
    producer && {
      producerId: producer.id,
      producerEpoch: producer.epoch ?? 0,
      baseSequence: producer.sequence,
      transactional: producer.transactional ?? false,
    },
  )
  const result = log.append(Uint8Array.from(batch), { leaderEpoch: 0 })
  expect(result.errorCode).toBe(ErrorCode.NONE)
  return result.baseOffset
}

/** `offset:key=value` of all that can be read. */
function records(log: PartitionLog): string[] {
  return readAllBatches(log).flatMap((bytes) =>
    [...iterateRecords(bytes)].map(
      ({ offset, key, value }) =>
        `${offset}:${bytesToString(key as Uint8Array)}=${value === null ? '' : bytesToString(value)}`,
    ),
  )
}

function readAllBatches(log: PartitionLog): Uint8Array[] {
  const found: Uint8Array[] = []
  for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
    const { errorCode, parts, size } = log.read(offset, 1)
    expect(errorCode).toBe(ErrorCode.NONE)
    if (size === 0) break
    const batch = parts[0] as Uint8Array
    expect(lastOffset(batch, 0)).toBeGreaterThanOrEqual(offset)
    found.push(batch)
    offset = lastOffset(batch, 0) + 1
  }
  return found
}

/** Seals the active segment, so that it may be compacted. */
async function seal(opened: Opened & { log: PartitionLog }): Promise<void> {
  opened.log.roll()
  await opened.clock.settle()
}

/** Runs rounds until there is nothing to do; answers how many. */
async function clean(opened: Opened): Promise<number> {
  for (let rounds = 0; ; rounds++) {
    const round = opened.logs.cleanOne()
    await opened.clock.settle()
    if (!(await round)) return rounds
  }
}

describe('compaction', () => {
  test('keeps the last record of each key at its offset', async () => {
    const opened = await openLog({ config })
    const { log } = opened
    write(log, 'a=1 b=1 c=1')
    write(log, 'a=2 d=1')
    write(log, 'b=2')
    await seal(opened)
    write(log, 'c=2')
    await opened.clock.settle()
    expect(await clean(opened)).toBe(1)
    // The active segment is not looked at: c=1 stays.
    expect(records(log)).toEqual(['2:c=1', '3:a=2', '4:d=1', '5:b=2', '6:c=2'])
    expect(log.logStartOffset).toBe(0)
    expect(log.endOffset).toBe(7)
    expect([...iterateRecords(readAllBatches(log)[0] as Uint8Array)][0]?.headers).toEqual([
      { key: 'h', value: Buffer.from('c') },
    ])
    await closeLogs(opened)
  })

  test('keeps a tombstone for delete.retention.ms after the round that found it', async () => {
    const opened = await openLog({ config })
    const { clock, log } = opened
    write(log, 'a=1')
    write(log, 'a=')
    await seal(opened)
    await clean(opened)
    expect(records(log)).toEqual(['1:a='])
    const [batch] = readAllBatches(log) as [Uint8Array]
    expect(deleteHorizon(batch, 0)).toBe(clock.now() + 1_000)
    expect([...iterateRecords(batch)][0]?.timestamp).toBe(start)

    await clock.advanceAsync(999)
    write(log, 'b=1')
    await seal(opened)
    await clean(opened)
    expect(records(log)).toEqual(['1:a=', '2:b=1'])
    expect(deleteHorizon(readAllBatches(log)[0] as Uint8Array, 0)).toBe(clock.now() + 1)

    await clock.advanceAsync(1)
    write(log, 'b=2')
    await seal(opened)
    await clean(opened)
    expect(records(log)).toEqual(['3:b=2'])
    await closeLogs(opened)
  })

  test('keeps the compression of a batch, and its timestamps', async () => {
    const opened = await openLog({ config })
    const { log } = opened
    for (const [i, compression] of (['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const).entries()) {
      write(log, `x=${i} ${compression}=1 t${i}=`, { compression, timestamp: start + 10 * i })
    }
    await seal(opened)
    await clean(opened)
    expect(records(log)).toEqual([
      '1:none=1',
      '2:t0=',
      '4:gzip=1',
      '5:t1=',
      '7:snappy=1',
      '8:t2=',
      '10:lz4=1',
      '11:t3=',
      '12:x=4',
      '13:zstd=1',
      '14:t4=',
    ])
    const batches = readAllBatches(log)
    expect(batches.map((bytes) => attributes(bytes, 0) & 7)).toEqual([0, 1, 2, 3, 4])
    expect(batches.map((bytes) => [...iterateRecords(bytes)].map(({ timestamp }) => timestamp - start))).toEqual([
      [0, 0],
      [10, 10],
      [20, 20],
      [30, 30],
      [40, 40, 40],
    ])
    await closeLogs(opened)
  })

  test('leaves the last batch of a producer without records, so that its sequence survives a restart', async () => {
    const opened = await openLog({ config })
    const { clock, fileSystem, log } = opened
    write(log, 'a=1', { producer: { id: 7, sequence: 0 } })
    write(log, 'a=2', { producer: { id: 7, sequence: 1 } })
    write(log, 'a=3')
    await seal(opened)
    await clean(opened)
    expect(records(log)).toEqual(['2:a=3'])
    const kept = readAllBatches(log)
    expect(kept.map((bytes) => [baseOffset(bytes, 0), recordCount(bytes, 0)])).toEqual([
      [1, 0],
      [2, 1],
    ])
    await closeLogs(opened)
    const again = openLogs({ fileSystem, clock, config })
    const reopened = again.logs.get('t', 0) as PartitionLog
    expect(records(reopened)).toEqual(['2:a=3'])
    write(reopened, 'b=1', { producer: { id: 7, sequence: 2 } })
    await closeLogs(again)
  })

  test('takes out what was aborted, and the marker when its transaction has nothing left and the horizon is over', async () => {
    const opened = await openLog({ config })
    const { clock, log } = opened
    const producer = { id: 5, transactional: true }
    const end = (commit: boolean) => {
      const marker = { producerId: 5, producerEpoch: 0, coordinatorEpoch: 1, commit, transactionVersion: 1 }
      expect(log.appendEndTxnMarker(marker).errorCode).toBe(ErrorCode.NONE)
    }
    write(log, 'a=1')
    write(log, 'a=aborted b=aborted', { producer: { ...producer, sequence: 0 } })
    end(false)
    write(log, 'c=committed', { producer: { ...producer, sequence: 2 } })
    end(true)
    write(log, 'd=1', { producer: { ...producer, sequence: 3 } })
    await seal(opened)
    end(true)
    await clock.settle()
    // The open transaction was decided before the round: LSO is at the end.
    await clean(opened)
    expect(records(log)).toEqual(['0:a=1', '4:c=committed', '6:d=1'])
    expect(offsets(log)).toEqual([0, 3, 4, 5, 6, 7])
    expect(log.abortedTransactions(0, 8)).toEqual([{ producerId: 5, firstOffset: 1 }])

    // Nothing is left of the aborted transaction: now the horizon of its marker is set.
    write(log, 'e=1')
    await seal(opened)
    await clean(opened)
    expect(offsets(log)).toEqual([0, 3, 4, 5, 6, 7, 8])
    expect(log.abortedTransactions(0, 8)).toEqual([])
    await clock.advanceAsync(1_000)
    write(log, 'c=2')
    await seal(opened)
    await clean(opened)
    expect(offsets(log)).toEqual([0, 5, 6, 7, 8, 9])
    // The marker of the transaction whose record went follows two rounds later.
    await clock.advanceAsync(1_000)
    for (const pair of ['f=1', 'g=1']) {
      write(log, pair)
      await seal(opened)
      await clean(opened)
      await clock.advanceAsync(1_000)
    }
    expect(offsets(log)).toEqual([0, 6, 7, 8, 9, 10, 11])
    await closeLogs(opened)
  })

  test('does not look beyond the last stable offset', async () => {
    const opened = await openLog({ config })
    const { clock, log } = opened
    write(log, 'a=1')
    write(log, 'a=2')
    await seal(opened)
    write(log, 'a=3', { producer: { id: 5, transactional: true, sequence: 0 } })
    await seal(opened)
    write(log, 'a=4')
    await seal(opened)
    await clean(opened)
    expect(records(log)).toEqual(['1:a=2', '2:a=3', '3:a=4'])
    log.appendEndTxnMarker({
      producerId: 5,
      producerEpoch: 0,
      coordinatorEpoch: 1,
      commit: false,
      transactionVersion: 1,
    })
    await clock.settle()
    await clean(opened)
    expect(records(log)).toEqual(['3:a=4'])
    await closeLogs(opened)
  })

  test('KAFKA-13727: the index of a segment that was cleaned in part keeps the aborted transactions of the rest', async () => {
    // Room for two keys: the round ends within the segment.
    const manager = { cleaner: () => ({ ...defaultCleanerConfig, dedupeBufferBytes: 3 * 24, loadFactor: 0.7 }) }
    const opened = await openLog({ config: { ...config, segmentBytes: 4_000 }, manager })
    const { clock, log } = opened
    const abort = (id: number) =>
      log.appendEndTxnMarker({
        producerId: id,
        producerEpoch: 0,
        coordinatorEpoch: 1,
        commit: false,
        transactionVersion: 1,
      })
    write(log, 'a=1 b=1')
    write(log, 'c=1')
    write(log, 'z=aborted', { producer: { id: 5, transactional: true, sequence: 0 } })
    write(log, 'z=2')
    abort(5)
    await seal(opened)
    const round = opened.logs.cleanOne()
    await clock.settle()
    expect(await round).toBe(log)
    expect(log.abortedTransactions(0, 6)).toEqual([{ producerId: 5, firstOffset: 3 }])
    expect(records(log)).toEqual(['0:a=1', '1:b=1', '2:c=1', '4:z=2'])
    // Its producer is active, so its batch is still there, and must not appear to read_committed.
    expect(offsets(log)).toContain(3)
    await clean(opened)
    expect(records(log)).toEqual(['0:a=1', '1:b=1', '2:c=1', '4:z=2'])
    await closeLogs(opened)
  })

  test('goes on where the map was full', async () => {
    const manager = { cleaner: () => ({ ...defaultCleanerConfig, dedupeBufferBytes: 4 * 24, loadFactor: 0.5 }) }
    const opened = await openLog({ config: { ...config, minCleanableDirtyRatio: 0 }, manager })
    const { log } = opened
    for (let i = 0; i < 30; i++) write(log, `${'abcdefg'[i % 7]}=${i}`)
    await seal(opened)
    expect(await clean(opened)).toBeGreaterThan(3)
    expect(records(log)).toEqual(['23:c=23', '24:d=24', '25:e=25', '26:f=26', '27:g=27', '28:a=28', '29:b=29'])
    await closeLogs(opened)
  })

  test('makes few segments out of many, and answers reads in the holes', async () => {
    const opened = await openLog({ config })
    const { log } = opened
    for (let i = 0; i < 60; i++) write(log, `key=${i} other${i % 3}=${i}`)
    await seal(opened)
    const before = log.segmentCount
    expect(before).toBeGreaterThan(10)
    await clean(opened)
    // Segments were as large as they may be together: only the next round finds them small.
    write(log, 'x=1')
    await seal(opened)
    await clean(opened)
    expect(log.segmentCount).toBeLessThan(5)
    for (let offset = 0; offset < log.endOffset; offset++) {
      const { errorCode, parts } = log.read(offset, 1)
      expect(errorCode).toBe(0)
      const found = parts[0] as Uint8Array
      expect(lastOffset(found, 0)).toBeGreaterThanOrEqual(offset)
    }
    expect(records(log)).toEqual(['115:other0=57', '117:other1=58', '118:key=59', '119:other2=59', '120:x=1'])
    await closeLogs(opened)
  })

  test('a log that was compacted once may have gaps, whatever its policy is when a crash is repaired', async () => {
    const clock = new ManualClock({ now: start })
    const disk = new SimulatedDisk({ clock, random: seededRandom(1) })
    const opened = await settled(clock, openLog({ fileSystem: disk, clock, config }))
    const { log } = opened
    for (let i = 0; i < 20; i++) write(log, `a=${i} b${i}=${i}`)
    await seal(opened)
    await clean(opened)
    const found = records(log)
    disk.restart()
    const again = openLogs({ fileSystem: disk, clock, config: { ...config, cleanupPolicy: ['delete'] } })
    const reopened = again.logs.get('t', 0) as PartitionLog
    expect(again.events.filter(({ kind }) => kind !== 'recovered')).toEqual([])
    expect(records(reopened)).toEqual(found)
    await closeLogs(again)
  })
})

function offsets(log: PartitionLog): number[] {
  return readAllBatches(log).map((bytes) => baseOffset(bytes, 0))
}

describe('when a log is compacted', () => {
  async function dirtyLog(options: Partial<LogConfig>) {
    const opened = await openLog({ config: { ...config, ...options } })
    write(opened.log, 'a=1')
    await seal(opened)
    write(opened.log, 'a=2')
    await seal(opened)
    return opened
  }

  test('only above min.cleanable.dirty.ratio', async () => {
    const opened = await dirtyLog({ minCleanableDirtyRatio: 0.5 })
    expect(await clean(opened)).toBe(1)
    // Half of it is clean now.
    write(opened.log, 'a=3')
    await seal(opened)
    expect(await clean(opened)).toBe(0)
    write(opened.log, 'b=3')
    await seal(opened)
    expect(await clean(opened)).toBe(1)
    expect(records(opened.log)).toEqual(['2:a=3', '3:b=3'])
    await closeLogs(opened)
  })

  test('not before min.compaction.lag.ms', async () => {
    const opened = await dirtyLog({ minCompactionLagMs: 5_000 })
    expect(await clean(opened)).toBe(0)
    opened.clock.setWallClock(start + 5_000)
    expect(await clean(opened)).toBe(1)
    await closeLogs(opened)
  })

  test('whatever its ratio after max.compaction.lag.ms', async () => {
    const opened = await dirtyLog({ minCleanableDirtyRatio: 1, maxCompactionLagMs: 5_000 })
    opened.clock.setWallClock(start + 5_000)
    expect(await clean(opened)).toBe(0)
    opened.clock.setWallClock(start + 5_001)
    expect(await clean(opened)).toBe(1)
    await closeLogs(opened)
  })

  test('never with another policy, nor one that compacts itself', async () => {
    for (const other of [{ cleanupPolicy: ['delete'] }, { compactsItself: true }] as Partial<LogConfig>[]) {
      const opened = await dirtyLog(other)
      expect(await clean(opened)).toBe(0)
      await closeLogs(opened)
    }
  })

  test('by the clock, every log.cleaner.backoff.ms', async () => {
    const opened = await dirtyLog({})
    await opened.clock.advanceAsync(14_999)
    expect(opened.log.metrics.cleanings).toBe(0)
    await opened.clock.advanceAsync(1)
    expect(opened.log.metrics.cleanings).toBe(1)
    expect(opened.events).toMatchObject([
      { kind: 'compacted', firstOffset: 0, endOffset: 2, segmentsBefore: 2, segmentsAfter: 1 },
    ])
    await closeLogs(opened)
  })

  test('not when log.cleaner.enable is false', async () => {
    const manager = { cleaner: () => ({ ...defaultCleanerConfig, enabled: false }) }
    const opened = await openLog({ config, manager })
    write(opened.log, 'a=1 a=2')
    await seal(opened)
    await opened.clock.advanceAsync(60_000)
    expect(opened.log.metrics.cleanings).toBe(0)
    await closeLogs(opened)
  })
})

describe('a round that is disturbed', () => {
  test('lets the event loop turn, and the log be read and written meanwhile', async () => {
    const opened = await openLog({ config: { ...config, segmentBytes: 400_000 } })
    const { clock, log } = opened
    for (let i = 0; i < 600; i++) write(log, `a=${'x'.repeat(1_000)} k${i}=1`)
    await seal(opened)
    const round = opened.logs.cleanOne()
    let turns = 0
    const done = round.then(() => (turns = -turns))
    while (turns >= 0) {
      clock.runImmediates()
      write(log, `a=${turns}`)
      expect(log.read(turns, 1).errorCode).toBe(0)
      turns++
      for (let i = 0; i < 5; i++) await Promise.resolve()
    }
    await done
    expect(-turns).toBeGreaterThan(5)
    await closeLogs(opened)
  })

  test('keeps to log.cleaner.io.max.bytes.per.second', async () => {
    const manager = { cleaner: () => ({ ...defaultCleanerConfig, maxBytesPerSecond: 100_000 }) }
    const opened = await openLog({ config: { ...config, segmentBytes: 4_000_000 }, manager })
    const { clock, log } = opened
    for (let i = 0; i < 300; i++) write(log, `a=${'x'.repeat(1_000)}`)
    await seal(opened)
    const before = clock.monotonic()
    const round = opened.logs.cleanOne()
    let isDone = false
    round.then(() => (isDone = true))
    while (!isDone) await clock.advanceAsync(100)
    // Read twice, about 320 KB each time.
    expect(clock.monotonic() - before).toBeGreaterThan(5_000)
    expect(clock.monotonic() - before).toBeLessThan(8_000)
    await closeLogs(opened)
  })

  test('is given up when the broker stops, or the topic is deleted', async () => {
    for (const how of ['close', 'delete'] as const) {
      const opened = await openLog({ config: { ...config, segmentBytes: 400_000 } })
      for (let i = 0; i < 600; i++) write(opened.log, `a=${'x'.repeat(1_000)}`)
      await seal(opened)
      const round = opened.logs.cleanOne()
      for (let i = 0; i < 3; i++) {
        opened.clock.runImmediates()
        for (let n = 0; n < 5; n++) await Promise.resolve()
      }
      const stopping = how === 'close' ? opened.logs.close() : opened.logs.deletePartition('t', 0)
      await opened.clock.settle()
      await stopping
      expect(await round).toBeUndefined()
      expect(opened.events).toEqual([])
      if (how === 'delete') await closeLogs(opened)
    }
  })

  test('gives way to retention, and to DeleteRecords', async () => {
    for (const how of ['retention', 'delete'] as const) {
      const options = { ...config, cleanupPolicy: ['compact', 'delete'], segmentBytes: 200_000 } as const
      const opened = await openLog({ config: options })
      const { clock, log } = opened
      for (let i = 0; i < 600; i++) write(log, `a=${'x'.repeat(1_000)} k${i}=${i}`, { timestamp: start + i })
      await seal(opened)
      const round = opened.logs.cleanOne()
      for (let i = 0; i < 4; i++) {
        clock.runImmediates()
        for (let n = 0; n < 5; n++) await Promise.resolve()
      }
      const second = [...log.segments][1]?.baseOffset as number
      if (how === 'delete') log.deleteRecordsBefore(second)
      else {
        log.config = { ...log.config, retentionMs: 1_000 }
        clock.setWallClock(start + 1_100 + 200)
        log.applyRetention()
      }
      expect(log.logStartOffset).toBeGreaterThan(0)
      const from = log.logStartOffset
      await clock.settle()
      expect(await round).toBeUndefined()
      expect(opened.fileSystem.list(log.folder).filter((name) => /cleaned|swap/.test(name))).toEqual([])
      expect(log.logStartOffset).toBe(from)
      // The next round is about what is left.
      expect(await clean(opened)).toBe(1)
      expect(
        records(log)
          .filter((record) => record.includes(':k'))
          .at(-1),
      ).toBe('1199:k599=599')
      await closeLogs(opened)
    }
  })

  test('is tried again when the disk has room again', async () => {
    const clock = new ManualClock({ now: start })
    const disk = new SimulatedDisk({ clock, random: seededRandom(1) })
    const opened = await settled(
      clock,
      openLog({ fileSystem: disk, clock, config: { ...config, segmentBytes: 4_000 } }),
    )
    for (let i = 0; i < 40; i++) write(opened.log, `a=${i} b${i}=${i}`)
    await seal(opened)
    disk.capacity = disk.usedBytes + 100
    expect(await clean(opened)).toBe(0)
    expect(opened.events).toMatchObject([{ kind: 'compaction-failed', isFinal: false }])
    expect(disk.list('data/t-0').filter((name) => /cleaned|swap/.test(name))).toEqual([])
    expect(records(opened.log)).toHaveLength(80)
    disk.capacity = Number.POSITIVE_INFINITY
    expect(await clean(opened)).toBe(1)
    expect(records(opened.log)).toHaveLength(41)
    await closeLogs(opened)
  })

  test('leaves a damaged log alone', async () => {
    const opened = await openLog({ config: { ...config, segmentBytes: 4_000 } })
    const { fileSystem, log } = opened
    write(log, 'a=1')
    write(log, 'a=2')
    await seal(opened)
    const file = fileSystem.open('data/t-0/00000000000000000000.log', 'write')
    file.write(Uint8Array.of(0xff), 70)
    file.close()
    expect(await clean(opened)).toBe(0)
    expect(opened.events).toMatchObject([{ kind: 'compaction-failed', isFinal: true }])
    expect(await clean(opened)).toBe(0)
    expect(opened.events).toHaveLength(1)
    expect(log.segmentCount).toBe(2)
    await closeLogs(opened)
  })
})

async function settled<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  await clock.settle()
  return promise
}
