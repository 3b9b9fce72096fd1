import { ErrorCode } from '@millrace/kafka'
import { ManualClock, SimulatedDisk } from '@millrace/testing'
import { bytesToString, seededRandom, uuidToString } from '@millrace/std'
import { describe, expect, test } from 'vitest'
import type { LogConfig, PartitionLog } from '../../src/log/index.ts'
import { parsePartitionMetadata } from '../../src/log/text-files.ts'
import { closeLogs, makeBatch, type Opened, openLogs, start, topicId } from './fixture.ts'

const leader = { leaderEpoch: 0 }
const metadataFile = 'data/t-0/partition.metadata'

function openOnDisk(config: Partial<LogConfig> = {}, disk?: SimulatedDisk, clock = new ManualClock({ now: start })) {
  const fileSystem = disk ?? new SimulatedDisk({ clock, random: seededRandom(5) })
  return { ...openLogs({ fileSystem, clock, config: { flush: 'sync', ...config } }), disk: fileSystem }
}

async function append({ clock }: Opened, log: ReturnType<Opened['logs']['newPartition']>): Promise<number> {
  const { errorCode, lastOffset } = log.append(makeBatch(), leader)
  if (errorCode !== ErrorCode.NONE) return errorCode
  const flushed = log.flushed(lastOffset + 1)
  await clock.settle()
  return flushed
}

describe('a partition that was never written to', () => {
  test('has no folder, and can be read as one that is empty', async () => {
    const opened = openOnDisk()
    const log = opened.logs.newPartition('t', 0, topicId)
    expect(log).toMatchObject({
      endOffset: 0,
      highWatermark: 0,
      lastStableOffset: 0,
      logStartOffset: 0,
      sizeInBytes: 0,
    })
    expect(log.read(0, 1_000)).toMatchObject({ errorCode: ErrorCode.NONE, size: 0 })
    expect(log.read(1, 1_000).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect(log.offsetForTimestamp(-1)).toMatchObject({ errorCode: ErrorCode.NONE, offset: 0 })
    expect(log.offsetForTimestamp(5)).toMatchObject({ errorCode: ErrorCode.NONE, offset: -1 })
    expect(log.deleteRecordsBefore(-1)).toBe(ErrorCode.NONE)
    expect(log.applyRetention()).toBe(0)
    await log.flush()
    await opened.logs.checkpoint()
    await closeLogs(opened)
    expect(opened.fileSystem.stat('data/t-0')).toBeUndefined()
    expect(opened.events).toEqual([])
  })

  test('is deleted without a trace', async () => {
    const opened = openOnDisk()
    opened.logs.newPartition('t', 0, topicId)
    const before = opened.fileSystem.list('data')
    await opened.logs.deletePartition('t', 0)
    expect(opened.fileSystem.list('data')).toEqual(before)
    expect(opened.logs.get('t', 0)).toBeUndefined()
    await closeLogs(opened)
  })
})

describe('the first write', () => {
  test('makes the folder, which is on the device before the write is acknowledged', async () => {
    const opened = openOnDisk()
    const { clock, disk, logs } = opened
    expect(await append(opened, logs.newPartition('t', 0, topicId))).toBe(ErrorCode.NONE)
    disk.restart()
    const again = openOnDisk({}, disk, clock)
    expect(again.logs.get('t', 0)?.endOffset).toBe(1)
    expect(uuidToString(again.logs.topicIdOf('t', 0) as Uint8Array)).toBe(uuidToString(topicId))
    await closeLogs(again)
  })

  test('and a power failure at any operation: what was acknowledged is there, under the id of its topic', async () => {
    let acknowledged = 0
    for (let operations = 1; acknowledged < 3; operations++) {
      const opened = openOnDisk()
      const { clock, disk, logs } = opened
      const log = logs.newPartition('t', 0, topicId)
      disk.crashAfter(operations)
      const taken = await append(opened, log)
      await clock.settle()
      disk.restart()
      const again = openOnDisk({}, disk, clock)
      const found = again.logs.get('t', 0)
      if (taken === ErrorCode.NONE) {
        acknowledged++
        expect(found?.endOffset, `after ${operations} operations`).toBe(1)
        expect(uuidToString(again.logs.topicIdOf('t', 0) as Uint8Array)).toBe(uuidToString(topicId))
      }
      // Whatever is left can be taken over.
      const [whole] = await again.logs.createPartitions([{ topic: 't', partition: 0, topicId }])
      expect(await append(again, whole as PartitionLog)).toBe(ErrorCode.NONE)
      await closeLogs(again)
    }
  })

  test('of many partitions shares the syncs of the data folder', async () => {
    const opened = openOnDisk()
    const { clock, disk, logs } = opened
    let syncs = 0
    const { syncDirectory } = disk
    disk.syncDirectory = (path) => {
      if (path === 'data') syncs++
      return syncDirectory.call(disk, path)
    }
    const results = Array.from({ length: 50 }, (_, partition) =>
      append(opened, logs.newPartition('t', partition, topicId)),
    )
    expect(new Set(await Promise.all(results))).toEqual(new Set([ErrorCode.NONE]))
    expect(syncs).toBeLessThan(50)
    disk.restart()
    const again = openOnDisk({}, disk, clock)
    expect(again.logs.size).toBe(50)
    for (const log of again.logs.logs()) expect(log.endOffset).toBe(1)
    await closeLogs(again)
  })

  test('that finds no room leaves nothing behind and succeeds when there is some', async () => {
    const opened = openOnDisk()
    const { disk, logs } = opened
    const log = logs.newPartition('t', 0, topicId)
    for (const operation of ['mkdir', 'create'] as const) {
      disk.failNext(operation, { code: 'ENOSPC' })
      expect(await append(opened, log)).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
      expect(disk.stat('data/t-0')).toBeUndefined()
    }
    // The id of the topic, and the batch.
    for (const skip of [0, 1]) {
      disk.failNext('write', { code: 'ENOSPC', skip })
      expect(await append(opened, log)).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    }
    expect(new Set(opened.events.map(({ kind }) => kind))).toEqual(new Set(['disk-full']))
    expect(await append(opened, log)).toBe(ErrorCode.NONE)
    expect(log.endOffset).toBe(1)
    await closeLogs(opened)
  })

  test('with flush=none waits for nothing; the id of the topic is there at once', async () => {
    const opened = openOnDisk({ flush: 'none' })
    const log = opened.logs.newPartition('t', 0, topicId)
    expect(await append(opened, log)).toBe(ErrorCode.NONE)
    const id = parsePartitionMetadata(bytesToString(opened.fileSystem.readFile(metadataFile)))
    expect(uuidToString(id as Uint8Array)).toBe(uuidToString(topicId))
    await closeLogs(opened)
  })
})
