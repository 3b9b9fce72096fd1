import { bytesToString, seededRandom, utf8 } from '@millrace/std'
import { ManualClock, SimulatedDisk } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePartitionFolder, partitionFolder } from '../../src/log/index.ts'
import {
  formatLeaderEpochs,
  formatMetaProperties,
  formatOffsetCheckpoint,
  formatPartitionMetadata,
  parseLeaderEpochs,
  parseMetaProperties,
  parseOffsetCheckpoint,
  parsePartitionMetadata,
} from '../../src/log/text-files.ts'
import { closeLogs, makeBatch, openLog, openLogs, readAll, start, topicId } from './fixture.ts'

const leader = { leaderEpoch: 0 }
const partitions = (count: number) =>
  Array.from({ length: count }, (_, partition) => ({ topic: 'many', partition, topicId }))

describe('the data folder', () => {
  test('belongs to one node of one cluster', async () => {
    const first = openLogs()
    const { fileSystem, clock } = first
    expect(bytesToString(fileSystem.readFile('data/meta.properties'))).toMatch(
      /^#crc32c [0-9a-f]{8}\ncluster\.id=[\w-]{22}\ndirectory\.id=[\w-]{22}\nnode\.id=1\nversion=1\n$/,
    )
    await closeLogs(first)
    const { clusterId } = first.logs.meta
    for (const manager of [{ nodeId: 2 }, { clusterId: 'another' }]) {
      expect(() => openLogs({ fileSystem, clock, manager })).toThrow(
        expect.objectContaining({ code: 'BROKER_DATA_FOREIGN' }),
      )
    }
    const second = openLogs({ fileSystem, clock, manager: { clusterId } })
    expect(formatMetaProperties(second.logs.meta)).toEqual(formatMetaProperties(first.logs.meta))
  })

  test('is held by one broker at a time, and free again after a failed start', async () => {
    const first = openLogs()
    const { fileSystem, clock } = first
    expect(() => openLogs({ fileSystem, clock })).toThrow(expect.objectContaining({ code: 'BROKER_DATA_LOCKED' }))
    await closeLogs(first)
    const file = fileSystem.open('data/meta.properties', 'write')
    const content = fileSystem.readFile('data/meta.properties')
    file.truncate(3)
    expect(() => openLogs({ fileSystem, clock })).toThrow(expect.objectContaining({ code: 'BROKER_DATA_UNUSABLE' }))
    file.write(content, 0)
    await closeLogs(openLogs({ fileSystem, clock }))
  })

  test('is clean only after an orderly shutdown', async () => {
    const first = await openLog()
    const { fileSystem, clock } = first
    await closeLogs(first)
    expect(bytesToString(fileSystem.readFile('data/.kafka_cleanshutdown'))).toBe('{"version":0,"brokerEpoch":-1}')
    const second = openLogs({ fileSystem, clock })
    expect(fileSystem.stat('data/.kafka_cleanshutdown')).toBeUndefined()
    expect(second.events).toEqual([])
    await closeLogs(second)
    await second.logs.close()
  })

  test("has Kafka's checkpoints", async () => {
    const { clock, fileSystem, log, logs } = await openLog({ config: { segmentBytes: 300 } })
    for (let i = 0; i < 10; i++) log.append(makeBatch({ bytes: 60 }), leader)
    await clock.settle()
    log.deleteRecordsBefore(5)
    await clock.advanceAsync(60_000)
    const read = (name: string) => bytesToString(fileSystem.readFile(`data/${name}`))
    expect(read('recovery-point-offset-checkpoint')).toMatch(
      new RegExp(`^0\n2\nt 0 ${log.recoveryPoint}\n#crc32c 0 \\d+\n$`),
    )
    expect(read('log-start-offset-checkpoint')).toMatch(/^0\n2\nt 0 5\n#crc32c 0 \d+\n$/)
    expect(read('t-0/partition.metadata')).toBe('version: 0\ntopic_id: BwcHBwcHBwcHBwcHBwcHBw')
    expect(logs.topicIdOf('t', 0)).toEqual(topicId)
  })
})

describe('partitions', () => {
  test('a thousand idle ones hold no files, and come back', async () => {
    const opened = openLogs({ manager: { maxOpenFiles: 50 } })
    const { clock, fileSystem, logs } = opened
    const made = await logs.createPartitions(partitions(1_000))
    for (const log of made) log.append(makeBatch(), leader)
    clock.runImmediates()
    await Promise.all(made.map((log) => log.flushed()))
    expect(logs.openFiles).toBeLessThanOrEqual(50)
    expect(made.every((log) => log.highWatermark === 1)).toBe(true)
    for (const log of made) readAll(log)
    expect(logs.openFiles).toBeLessThanOrEqual(50)
    await closeLogs(opened)
    const again = openLogs({ fileSystem, clock })
    expect(again.logs.size).toBe(1_000)
    expect(again.logs.openFiles).toBe(0)
    expect([...again.logs.logs()].every((log) => log.endOffset === 1)).toBe(true)
    expect(again.logs.metrics().appendedBatches).toBe(0)
  })

  test('one that is there is answered, not made again', async () => {
    const { log, logs } = await openLog()
    log.append(makeBatch(), leader)
    expect(await logs.createPartition('t', 0, topicId)).toBe(log)
  })

  test('a deleted one is gone for good, even while it is written to', async () => {
    const clock = new ManualClock({ now: start })
    const disk = new SimulatedDisk({ clock, random: seededRandom(5) })
    const opening = openLog({ fileSystem: disk, clock })
    await clock.settle()
    const { log, logs } = await opening
    log.append(makeBatch(), leader)
    const codes: number[] = []
    log.whenFlushed(1, { flushed: (code) => codes.push(code) })
    const deleting = logs.deletePartition('t', 0)
    await clock.settle()
    await deleting
    expect(codes).toEqual([56])
    expect(log.append(makeBatch(), leader).errorCode).toBe(56)
    expect(log.read(0, 100).errorCode).toBe(56)
    disk.restart()
    expect(disk.list('data').filter((name) => name.startsWith('t-0') && !name.endsWith('-delete'))).toEqual([])
    const again = openLogs({ fileSystem: disk, clock })
    expect(again.logs.size).toBe(0)
    expect(disk.list('data').filter((name) => name.startsWith('t-0'))).toEqual([])
  })

  test('a new one of the same name starts at 0', async () => {
    const { clock, log, logs } = await openLog()
    log.append(makeBatch(), leader)
    await clock.settle()
    log.deleteRecordsBefore(1)
    const checkpoint = logs.checkpoint()
    await clock.settle()
    await checkpoint
    await logs.deletePartition('t', 0)
    const made = await logs.createPartition('t', 0, new Uint8Array(16).fill(8))
    expect(made.endOffset).toBe(0)
    expect(made.logStartOffset).toBe(0)
  })

  test('folders that are not partitions are left alone', async () => {
    const first = openLogs()
    await closeLogs(first)
    const { clock, fileSystem } = first
    fileSystem.makeDirectory('data/notes')
    fileSystem.makeDirectory('data/x-y')
    const file = fileSystem.open('data/t-0', 'create')
    file.write(utf8('not a folder'), 0)
    const { logs } = openLogs({ clock, fileSystem })
    expect(logs.size).toBe(0)
    expect(fileSystem.list('data')).toEqual(expect.arrayContaining(['notes', 't-0', 'x-y']))
  })
})

describe('text files', () => {
  const name = fc.stringMatching(/^[a-zA-Z0-9._-]{1,40}$/)
  const offset = fc.nat({ max: Number.MAX_SAFE_INTEGER })

  test('offset checkpoints, leader epochs, topic ids and meta.properties come back as they were', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, fc.nat(), offset), { maxLength: 10 }),
        fc.array(fc.record({ epoch: fc.nat(), startOffset: offset }), { maxLength: 10 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.nat(),
        (offsets, epochs, id, nodeId) => {
          const checkpoint = new Map(
            offsets.map(([topic, partition, value]) => [partitionFolder(topic, partition), value]),
          )
          expect(parseOffsetCheckpoint(bytesToString(formatOffsetCheckpoint(checkpoint)))).toEqual(checkpoint)
          expect(parseLeaderEpochs(bytesToString(formatLeaderEpochs(epochs)))).toEqual(epochs)
          expect([...(parsePartitionMetadata(bytesToString(formatPartitionMetadata(id))) ?? [])]).toEqual([...id])
          const meta = parseMetaProperties(
            bytesToString(formatMetaProperties({ nodeId, clusterId: 'c', directoryId: id })),
          )
          expect(meta).toMatchObject({ nodeId, clusterId: 'c' })
          expect([...(meta?.directoryId ?? [])]).toEqual([...id])
          for (const [topic, partition] of offsets) {
            expect(parsePartitionFolder(partitionFolder(topic, partition))).toEqual({ topic, partition })
          }
        },
      ),
    )
  })

  test('anything else is refused, not misread', () => {
    const parsers = [parseOffsetCheckpoint, parseLeaderEpochs, parsePartitionMetadata, parseMetaProperties]
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^0\n\d\n(\d{1,3} ?)*\n?$/)), (text) => {
        const checkpoint = parseOffsetCheckpoint(text)
        if (checkpoint) expect(bytesToString(formatOffsetCheckpoint(checkpoint)).split('\n')[0]).toBe('0')
        for (const parse of parsers.slice(2)) expect(parse(text)).toBeUndefined()
      }),
    )
    for (const torn of ['', '0\n', '0\n2\n1 0\n', '0\n1\n1 0', '1\n0\n', '0\n1\nx 1\n']) {
      expect(parseLeaderEpochs(torn)).toBeUndefined()
    }
    expect(parseOffsetCheckpoint('0\n1\nt 0\n')).toBeUndefined()
    expect(parsePartitionFolder('t-0.abc-delete')).toBeUndefined()
    expect(parsePartitionFolder('t-01')).toBeUndefined()
  })
})
