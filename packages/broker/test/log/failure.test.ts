import { ErrorCode } from '@millrace/kafka'
import { FileSystemError, seededRandom } from '@millrace/std'
import { ManualClock, SimulatedDisk } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LogConfig } from '../../src/log/index.ts'
import { appendAll, closeLogs, makeBatch, openLog, readAll, start } from './fixture.ts'

const leader = { leaderEpoch: 0 }

async function openOnDisk(config: Partial<LogConfig> = {}) {
  const clock = new ManualClock({ now: start })
  const disk = new SimulatedDisk({ clock, random: seededRandom(2) })
  const opening = openLog({ fileSystem: disk, clock, config })
  await clock.settle()
  return { ...(await opening), disk }
}

const acknowledged = (codes: number[]) => ({ flushed: (code: number) => void codes.push(code) })

describe('a full disk', () => {
  test('refuses the batch, which leaves no trace, and the log goes on when there is room', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 900 }), fc.boolean(), async (room, grouped) => {
        const { clock, disk, events, log } = await openOnDisk()
        log.append(makeBatch({ bytes: 50, producer: { id: 1, sequence: 0 } }), leader)
        await clock.settle()
        const size = log.sizeInBytes
        disk.capacity = disk.usedBytes + room
        const batches = () => [1, 2].map((sequence) => makeBatch({ bytes: 500, producer: { id: 1, sequence } }))
        const results = grouped
          ? appendAll(log, batches(), leader)
          : batches().map((batch) => log.append(batch, leader))
        expect(results.at(-1)?.errorCode).not.toBe(ErrorCode.NONE)
        const taken = results.filter(({ errorCode }) => errorCode === ErrorCode.NONE).length
        if (results[0]?.errorCode !== ErrorCode.NONE) expect(results[0]?.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
        expect(log.endOffset).toBe(1 + taken)
        if (taken === 0) expect(disk.stat('data/t-0/00000000000000000000.log')?.size).toBe(size)
        expect(events.map(({ kind }) => kind)).toContain('disk-full')
        expect(log.state).toBe('online')
        disk.capacity = Number.POSITIVE_INFINITY
        const codes: number[] = []
        for (const batch of batches().slice(taken)) {
          const result = log.append(batch, leader)
          expect(result).toMatchObject({ errorCode: ErrorCode.NONE, duplicate: false })
          log.whenFlushed(result.lastOffset + 1, acknowledged(codes))
        }
        await clock.settle()
        expect(codes.every((code) => code === ErrorCode.NONE)).toBe(true)
        disk.restart()
        const again = await openLog({ fileSystem: disk, clock })
        expect(again.events.filter(({ kind }) => kind !== 'recovered')).toEqual([])
        expect(readAll(again.log).batches.map(({ offset }) => offset)).toEqual([0, 1, 2])
      }),
      { numRuns: 60 },
    )
  })

  test('for the indexes of one segment: the recovery point does not pass it for those that come later', async () => {
    const { clock, disk, log } = await openOnDisk({ segmentBytes: 500, indexIntervalBytes: 100, flush: 'none' })
    for (let i = 0; i < 7; i++) log.append(makeBatch({ bytes: 120 }), leader)
    expect([...log.segments].map(({ baseOffset }) => baseOffset)).toEqual([0, 2, 4, 6])
    disk.failNext('write', { code: 'ENOSPC' })
    await clock.settle()
    expect([log.state, log.recoveryPoint]).toEqual(['online', 0])
    await log.flush()
    await clock.settle()
    expect(log.recoveryPoint).toBe(6)
  })

  test('does not keep a compacted partition from being deleted, which gives its room back', async () => {
    const { clock, disk, log, logs } = await openOnDisk({
      cleanupPolicy: ['compact'],
      segmentBytes: 500,
      flush: 'none',
    })
    for (let i = 0; i < 9; i++) log.append(makeBatch({ bytes: 200, key: 'k', timestamp: 1 }), leader)
    await clock.settle()
    const cleaned = logs.cleanOne()
    await clock.advanceAsync(1_000)
    expect(await cleaned).toBe(log)
    const room = disk.usedBytes
    disk.capacity = 0
    const deleted = logs.deletePartition('t', 0).catch(() => {})
    await clock.settle()
    await deleted
    expect(disk.list('data').filter((name) => name.startsWith('t-0'))).toEqual([])
    expect(disk.usedBytes).toBeLessThan(room)
  })

  test('a batch and its repetition in one group fail together', async () => {
    const { disk, log } = await openOnDisk()
    const twice = () => [0, 0].map((sequence) => makeBatch({ bytes: 500, producer: { id: 1, sequence } }))
    disk.capacity = disk.usedBytes
    const refused = appendAll(log, twice(), leader)
    expect(refused.map(({ errorCode }) => errorCode)).toEqual([56, 56])
    disk.capacity = Number.POSITIVE_INFINITY
    expect(appendAll(log, twice(), leader)).toMatchObject([
      { errorCode: 0, baseOffset: 0, duplicate: false },
      { errorCode: 0, baseOffset: 0, duplicate: true },
    ])
  })

  test('while a segment is closed: data is acknowledged, the indexes follow when there is room', async () => {
    const { clock, disk, log } = await openOnDisk({ segmentBytes: 300 })
    for (let i = 0; i < 4; i++) log.append(makeBatch({ bytes: 60 }), leader)
    disk.capacity = disk.usedBytes
    const codes: number[] = []
    log.whenFlushed(4, acknowledged(codes))
    await clock.settle()
    expect(codes).toEqual([ErrorCode.NONE])
    expect(log.recoveryPoint).toBe(0)
    disk.capacity = Number.POSITIVE_INFINITY
    log.append(makeBatch({ bytes: 60 }), leader)
    await clock.settle()
    expect(log.recoveryPoint).toBeGreaterThan(0)
    expect(log.state).toBe('online')
  })
})

describe('a failed sync', () => {
  test('no ack follows, consumers see nothing of it, and the log takes nothing more', async () => {
    const { clock, disk, events, log } = await openOnDisk()
    const before: number[] = []
    log.append(makeBatch(), leader)
    log.whenFlushed(1, acknowledged(before))
    await clock.settle()
    expect(before).toEqual([ErrorCode.NONE])
    disk.failNext('sync')
    const codes: number[] = []
    log.append(makeBatch(), leader)
    log.whenFlushed(2, acknowledged(codes))
    await clock.settle()
    expect(codes).toEqual([ErrorCode.KAFKA_STORAGE_ERROR])
    expect(log.state).toBe('offline')
    expect(log.highWatermark).toBe(1)
    expect(events).toMatchObject([{ kind: 'offline', folder: 'data/t-0', cause: { code: 'EIO' } }])
    expect(log.append(makeBatch(), leader).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    log.whenFlushed(2, acknowledged(codes))
    await clock.settle()
    expect(codes).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.KAFKA_STORAGE_ERROR])
    expect(log.read(0, 100).size).toBeGreaterThan(0)
    expect(log.read(1, 100).size).toBe(0)
  })

  test('what was appended while it ran is not acknowledged either', async () => {
    const { clock, disk, log } = await openOnDisk()
    const codes: number[] = []
    disk.failNext('sync')
    log.append(makeBatch(), leader)
    log.whenFlushed(1, acknowledged(codes))
    clock.runImmediates()
    log.append(makeBatch(), leader)
    log.whenFlushed(2, acknowledged(codes))
    await clock.settle()
    expect(codes).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.KAFKA_STORAGE_ERROR])
  })

  test('other logs go on, and the next start recovers instead of trusting the files', async () => {
    const opened = await openOnDisk()
    const { clock, disk, log, logs } = opened
    const creating = logs.createPartition('t', 1, new Uint8Array(16))
    await clock.settle()
    const other = await creating
    disk.failNext('sync')
    log.append(makeBatch(), leader)
    await clock.settle()
    expect(log.state).toBe('offline')
    const codes: number[] = []
    other.append(makeBatch(), leader)
    other.whenFlushed(1, acknowledged(codes))
    await clock.settle()
    expect(codes).toEqual([ErrorCode.NONE])
    await closeLogs(opened)
    expect(disk.stat('data/.kafka_cleanshutdown')).toBeUndefined()
  })
})

describe('a failed write', () => {
  test('that is not for want of room takes the log offline', async () => {
    const { disk, events, log } = await openOnDisk()
    disk.failNext('write')
    expect(log.append(makeBatch(), leader).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(log.state).toBe('offline')
    expect(events.map(({ kind }) => kind)).toEqual(['offline'])
    expect(log.endOffset).toBe(0)
  })

  test('that cannot be undone takes the log offline even when the disk is full', async () => {
    const { disk, log } = await openOnDisk()
    disk.failNext('write', { code: 'ENOSPC' })
    disk.failNext('truncate')
    expect(log.append(makeBatch(), leader).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(log.state).toBe('offline')
  })

  test('a failed checkpoint is reported and tried again', async () => {
    const { clock, disk, events, log } = await openOnDisk()
    log.append(makeBatch(), { leaderEpoch: 4 })
    await clock.settle()
    disk.failNext('rename')
    await clock.advanceAsync(60_000)
    expect(events.map(({ kind }) => kind)).toEqual(['checkpoint-failed'])
    await clock.advanceAsync(60_000)
    expect(events).toHaveLength(1)
    expect(Buffer.from(disk.readFile('data/t-0/leader-epoch-checkpoint')).toString()).toBe('0\n1\n4 0\n')
  })
})

test('a file of a deleted segment that the disk does not let go ends neither the broker nor its shutdown', async () => {
  const config = { segmentBytes: 500, retentionBytes: 0, retentionMs: -1, flush: 'none' as const }
  const opened = await openOnDisk(config)
  const { clock, disk, log } = opened
  for (let i = 0; i < 9; i++) log.append(makeBatch({ bytes: 200 }), leader)
  await clock.settle()
  log.applyRetention()
  disk.failNext('remove')
  clock.advance(60_000)
  const left = disk.list('data/t-0').filter((name) => name.endsWith('.deleted'))
  expect(left).toHaveLength(1)
  log.append(makeBatch({ bytes: 200 }), leader)
  await clock.settle()
  log.applyRetention()
  disk.failNext('remove')
  await closeLogs(opened)
  const again = await openLog({ fileSystem: disk, clock, config })
  expect([again.log.endOffset, disk.list('data/t-0').filter((name) => name.endsWith('.deleted'))]).toEqual([10, []])
  await closeLogs(again)
})

test('a checkpoint while a partition is deleted says nothing of its folder, which is gone', async () => {
  const { clock, disk, events, log, logs } = await openOnDisk()
  log.append(makeBatch(), { leaderEpoch: 4 })
  await clock.settle()
  disk.holdSyncs()
  const checkpoint = logs.checkpoint()
  await clock.settle()
  const deleting = logs.deletePartition('t', 0)
  await clock.settle()
  disk.resumeSyncs()
  await clock.settle()
  await Promise.all([checkpoint, deleting])
  expect(events).toEqual([])
})

describe('reading', () => {
  /** The same disk, but some of its reads go wrong. */
  async function openFailing(how: { code?: string; garble?: boolean }, batches = 6) {
    const { clock, disk, logs, log } = await openOnDisk({ segmentBytes: 300 })
    for (let i = 0; i < batches; i++) log.append(makeBatch({ bytes: 80, timestamp: start + i }), leader)
    await clock.settle()
    const closing = logs.close()
    await clock.settle()
    await closing
    let failing = false
    const open = disk.open.bind(disk)
    disk.open = (path, mode) => {
      if (failing && how.code === 'EMFILE') throw new FileSystemError('EMFILE', 'open', path)
      const handle = open(path, mode)
      return {
        ...handle,
        read: (target, position) => {
          if (failing && how.code) throw new FileSystemError(how.code, 'read', path)
          const count = handle.read(target, position)
          if (failing && how.garble) target.fill(0xee)
          return count
        },
      }
    }
    const again = await openLog({ fileSystem: disk, clock, config: { segmentBytes: 300 } })
    failing = true
    return { ...again, heal: () => void (failing = false) }
  }

  test('a file that cannot be read: KAFKA_STORAGE_ERROR, reported once, and well again when it can', async () => {
    const { events, heal, log } = await openFailing({ code: 'EIO' })
    for (let i = 0; i < 3; i++) expect(log.read(0, 100).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(log.offsetForTimestamp(start).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(events.filter(({ kind }) => kind === 'read-failed').length).toBeLessThanOrEqual(2)
    heal()
    expect(readAll(log)).toMatchObject({ failures: [] })
    expect(log.state).toBe('online')
  })

  test('bytes that are no batch: CORRUPT_MESSAGE, with file and offset', async () => {
    const { events, log } = await openFailing({ garble: true })
    expect(log.read(0, 100).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE)
    expect(events).toMatchObject([{ kind: 'read-failed', file: 'data/t-0/00000000000000000000.log', offset: 0 }])
  })

  test('a file that must be read before an append and cannot be: refused, and the log takes nothing more', async () => {
    // The segment has room: whether it is old enough to be closed is told by its first batch.
    const { events, log } = await openFailing({ code: 'EIO' }, 5)
    expect(log.append(makeBatch({ timestamp: start + 9 }), leader).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(log.state).toBe('offline')
    expect(events.map(({ kind }) => kind)).toEqual(['offline'])
  })

  test('no file descriptor: refused, nothing changes, the log stays online', async () => {
    const { events, heal, log } = await openFailing({ code: 'EMFILE' })
    expect(log.append(makeBatch(), leader).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(log.read(0, 100).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(events.map(({ kind }) => kind)).toEqual(['disk-full', 'read-failed'])
    heal()
    expect(log.append(makeBatch(), leader)).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset: 6 })
  })
})
