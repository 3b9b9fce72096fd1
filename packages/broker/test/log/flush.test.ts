import { ErrorCode } from '@millrace/kafka'
import { seededRandom } from '@millrace/std'
import { ManualClock, SimulatedDisk } from '@millrace/testing'
import { describe, expect, test } from 'vitest'
import { FlushScheduler } from '../../src/log/flush-scheduler.ts'
import type { LogConfig, PartitionLog } from '../../src/log/index.ts'
import { makeBatch, openLog, start } from './fixture.ts'

const leader = { leaderEpoch: 0 }

async function openOnDisk(config: Partial<LogConfig> = {}) {
  const clock = new ManualClock({ now: start })
  const disk = new SimulatedDisk({ clock, random: seededRandom(2) })
  const opening = openLog({ fileSystem: disk, clock, config })
  await clock.settle()
  return { ...(await opening), disk }
}

/** Appends one batch; its number comes into `acks` when it is acknowledged. */
function produce(log: PartitionLog, acks: number[]): void {
  const { lastOffset } = log.append(makeBatch(), leader)
  log.whenFlushed(lastOffset + 1, {
    flushed: (code) => {
      expect(code).toBe(ErrorCode.NONE)
      acks.push(lastOffset)
    },
  })
}

describe('group commit', () => {
  test('what is appended in one turn shares one sync', async () => {
    const { clock, log } = await openOnDisk()
    const acks: number[] = []
    for (let i = 0; i < 10; i++) produce(log, acks)
    expect(acks).toEqual([])
    await clock.settle()
    expect(acks).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(log.metrics.flushes).toBe(1)
  })

  test('what comes while a sync runs waits for the next one, which all of it shares', async () => {
    const { clock, disk, log } = await openOnDisk()
    const acks: number[] = []
    // The first flush syncs the new file's folder as well.
    produce(log, [])
    await clock.settle()
    disk.holdSyncs()
    produce(log, acks)
    await clock.settle()
    produce(log, acks)
    produce(log, acks)
    await clock.settle()
    expect(acks).toEqual([])
    disk.resumeSyncs()
    disk.holdSyncs()
    await clock.settle()
    expect(acks).toEqual([1])
    expect(log.highWatermark).toBe(2)
    disk.resumeSyncs()
    await clock.settle()
    expect(acks).toEqual([1, 2, 3])
    expect(log.metrics.flushes).toBe(3)
  })

  test('a roll syncs the old segment before anything in the new one is acknowledged', async () => {
    const { clock, disk, log } = await openOnDisk({ segmentBytes: 200 })
    const acks: number[] = []
    for (let i = 0; i < 9; i++) produce(log, acks)
    expect(log.segmentCount).toBeGreaterThan(2)
    await clock.settle()
    expect(acks).toHaveLength(9)
    expect(log.recoveryPoint).toBe(log.activeSegment.baseOffset)
    expect(disk.list('data/t-0').filter((name) => name.endsWith('.snapshot'))).toHaveLength(log.segmentCount - 1)
  })

  test('those who consume hear when they may see more', async () => {
    const seen: number[] = []
    const { clock, log } = await openLog({
      manager: { listener: { highWatermarkAdvanced: (one) => seen.push(one.highWatermark) } },
    })
    produce(log, [])
    expect(seen).toEqual([])
    await clock.settle()
    expect(seen).toEqual([1])
    log.config = { ...log.config, flush: 'none' }
    log.append(makeBatch(), leader)
    expect(seen).toEqual([1, 2])
  })

  test('at most so many syncs run at the same time over all logs', async () => {
    const clock = new ManualClock()
    const flushes = new FlushScheduler({ timers: clock, maxConcurrent: 3 })
    let running = 0
    let most = 0
    let total = 0
    const release: (() => void)[] = []
    const logs = Array.from({ length: 10 }, () => ({
      flush: async () => {
        running++
        total++
        most = Math.max(most, running)
        await new Promise<void>((resolve) => release.push(resolve))
        running--
      },
    }))
    for (const log of logs) flushes.request(log)
    await clock.settle()
    expect(flushes.inFlight).toBe(3)
    for (const log of logs) flushes.request(log)
    while (release.length > 0) {
      release.shift()?.()
      await clock.settle()
    }
    await flushes.idle()
    expect(most).toBe(3)
    expect(total).toBe(13)
  })
})

describe("flush: 'none'", () => {
  test('acknowledges and shows at once, without a sync', async () => {
    const { clock, disk, log } = await openOnDisk({ flush: 'none' })
    const acks: number[] = []
    const before = disk.operations
    produce(log, acks)
    expect(acks).toEqual([0])
    expect(log.highWatermark).toBe(1)
    await clock.settle()
    expect(disk.operations - before).toBe(1)
    expect(log.flushedOffset).toBe(0)
  })

  test('flush.messages makes every so many records wait for a sync', async () => {
    const { clock, log } = await openOnDisk({ flush: 'none', flushMessages: 3 })
    const acks: number[] = []
    for (let i = 0; i < 4; i++) produce(log, acks)
    expect(acks).toEqual([0, 1])
    await clock.settle()
    expect(acks).toEqual([0, 1, 2, 3])
    expect(log.flushedOffset).toBe(4)
  })

  test('flush.ms bounds how long data stays unsynced', async () => {
    const { clock, log } = await openOnDisk({ flush: 'none', flushMs: 2_500 })
    produce(log, [])
    await clock.advanceAsync(2_400)
    expect(log.flushedOffset).toBe(0)
    await clock.advanceAsync(1_100)
    expect(log.flushedOffset).toBe(1)
  })

  test.each([
    ['flush.ms', 2_500],
    ['a second, where flush.ms is not set', Number.MAX_SAFE_INTEGER],
  ])('interval acknowledges at once and syncs after %s', async (_after, flushMs) => {
    const { clock, log } = await openOnDisk({ flush: 'interval', flushMs })
    const interval = flushMs < Number.MAX_SAFE_INTEGER ? flushMs : 1_000
    const acks: number[] = []
    produce(log, acks)
    expect([acks, log.highWatermark]).toEqual([[0], 1])
    await clock.advanceAsync(interval - 1)
    produce(log, acks)
    expect(log.flushedOffset).toBe(0)
    await clock.advanceAsync(1)
    expect([acks, log.flushedOffset]).toEqual([[0, 1], 2])
    // An interval begins with a write, not with the sync before.
    await clock.advanceAsync(10 * interval)
    produce(log, acks)
    await clock.advanceAsync(interval - 1)
    expect([log.flushedOffset, log.metrics.flushes]).toEqual([2, 1])
    await clock.advanceAsync(1)
    expect([log.flushedOffset, log.metrics.flushes]).toEqual([3, 2])
  })

  test('a change to interval takes effect for what is written already', async () => {
    const { clock, log } = await openOnDisk({ flush: 'none' })
    produce(log, [])
    await clock.advanceAsync(60_000)
    expect(log.flushedOffset).toBe(0)
    log.config = { ...log.config, flush: 'interval' }
    await clock.advanceAsync(1_000)
    expect(log.flushedOffset).toBe(1)
  })

  test.each(['interval', 'none'] as const)('with %s nothing is acknowledged after a failed sync', async (flush) => {
    const { clock, disk, log } = await openOnDisk({ flush, flushMs: 500 })
    produce(log, [])
    disk.failNext('sync')
    await clock.advanceAsync(500)
    expect(log.state).toBe('offline')
    expect(log.append(makeBatch(), leader).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(await log.flushed()).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
  })

  test('a change to sync brings what was written to the device; what consumers have seen stays visible', async () => {
    const { clock, log } = await openOnDisk({ flush: 'none' })
    produce(log, [])
    log.config = { ...log.config, flush: 'sync' }
    produce(log, [])
    expect(log).toMatchObject({ highWatermark: 1, flushedOffset: 0 })
    await clock.settle()
    expect(log).toMatchObject({ highWatermark: 2, flushedOffset: 2 })
  })

  test('a change from sync shows at once what waits for the device, and says so', async () => {
    const clock = new ManualClock({ now: start })
    const disk = new SimulatedDisk({ clock, random: seededRandom(2) })
    const shown: number[] = []
    const listener = { highWatermarkAdvanced: (log: PartitionLog) => shown.push(log.highWatermark) }
    const opening = openLog({ fileSystem: disk, clock, manager: { listener } })
    await clock.settle()
    const { log } = await opening
    disk.holdSyncs()
    produce(log, [])
    await clock.settle()
    expect(shown).toEqual([])
    log.config = { ...log.config, flush: 'none' }
    expect(shown).toEqual([1])
    log.config = { ...log.config, retentionBytes: 5 }
    expect(shown).toEqual([1])
    disk.resumeSyncs()
    await clock.settle()
  })

  test('after a change to sync, a failed sync takes nothing away that consumers have seen', async () => {
    const { clock, disk, log } = await openOnDisk({ flush: 'none' })
    produce(log, [])
    log.config = { ...log.config, flush: 'sync' }
    log.append(makeBatch(), leader)
    disk.failNext('sync')
    await clock.settle()
    expect([log.state, log.highWatermark, log.endOffset]).toEqual(['offline', 1, 1])
  })
})
