import { ErrorCode } from '@millrace/kafka'
import { asBuffer, type FileSystem, seededRandom } from '@millrace/std'
import { ManualClock, SimulatedDisk } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LogConfig, LogEvent } from '../../src/log/index.ts'
import { closeLogs, makeBatch, openLog, readAll, start } from './fixture.ts'

const leader = { leaderEpoch: 0 }
const config = { segmentBytes: 1_000, indexIntervalBytes: 200, retentionMs: -1 }
const batchBytes = makeBatch({ bytes: 100 }).byteLength
const file = (base: number, suffix = '.log') => `data/t-0/${String(base).padStart(20, '0')}${suffix}`

/** Batches of one record and `batchBytes` each, synced one by one. */
async function write(batches: number) {
  const clock = new ManualClock({ now: start })
  const disk = new SimulatedDisk({ clock, random: seededRandom(3) })
  const opened = await openAt(disk, clock)
  for (let i = 0; i < batches; i++) {
    opened.log.append(makeBatch({ bytes: 100, timestamp: start + i, fill: String.fromCharCode(97 + (i % 26)) }), leader)
    await clock.settle()
  }
  return { ...opened, clock, disk }
}

async function openAt(disk: FileSystem, clock: ManualClock) {
  const opening = openLog({ fileSystem: disk, clock, config })
  await clock.settle()
  return opening
}

const perSegment = Math.floor(config.segmentBytes / batchBytes)

/** The process dies; the disk, where all was synced, stays as it is. */
async function reopen(disk: SimulatedDisk, clock: ManualClock) {
  disk.restart()
  return openAt(disk, clock)
}

function damage(disk: SimulatedDisk, path: string, position: number, bytes: Uint8Array): void {
  const handle = disk.open(path, 'write')
  handle.write(bytes, position)
  handle.syncNow()
  handle.close()
}

function kinds(events: readonly LogEvent[]): string[] {
  return events.map(({ kind }) => kind).filter((kind) => kind !== 'recovered')
}

describe('a torn end', () => {
  test('is cut off, reported and kept for inspection; all before it stays', async () => {
    const { clock, disk } = await write(3)
    const whole = disk.readFile(file(0))
    const torn = makeBatch({ bytes: 300 }).subarray(0, 200)
    damage(disk, file(0), whole.byteLength, torn)
    const { log, events } = await reopen(disk, clock)
    expect(log.endOffset).toBe(3)
    expect(readAll(log)).toMatchObject({ failures: [] })
    const [event] = events
    expect(event).toMatchObject({ kind: 'torn-tail', position: whole.byteLength, offset: 3, bytes: 200 })
    const savedAs = event?.kind === 'torn-tail' ? event.savedAs : undefined
    expect(asBuffer(disk.readFile(savedAs as string)).equals(torn)).toBe(true)
    expect(asBuffer(disk.readFile(file(0))).equals(whole)).toBe(true)
    expect(kinds((await reopen(disk, clock)).events)).toEqual([])
  })

  test('of zeros is cut off without a copy', async () => {
    const { clock, disk } = await write(2)
    damage(disk, file(0), 2 * batchBytes, new Uint8Array(700))
    const { events, log } = await reopen(disk, clock)
    expect(events[0]).toMatchObject({ kind: 'torn-tail', bytes: 700, savedAs: undefined })
    expect(log.endOffset).toBe(2)
  })

  test('sectors that never reached the device were not acknowledged, wherever they lie in a batch', async () => {
    const large = () => makeBatch({ bytes: 2_000 })
    // The header of the second batch crosses the end of a sector.
    for (const [start, end] of [
      [470, 512],
      [1_024, 1_536],
      [2_048, 2_560],
    ] as const) {
      const clock = new ManualClock({ now: 1_700_000_000_000 })
      const disk = new SimulatedDisk({ clock, random: seededRandom(3) })
      const opening = openLog({ fileSystem: disk, clock })
      await clock.settle()
      const { log } = await opening
      const first = makeBatch({ bytes: 400 })
      for (const batch of [first, large(), large()]) log.append(batch, leader)
      expect(first.byteLength).toBe(470)
      await clock.settle()
      damage(disk, file(0), start, new Uint8Array(end - start))
      disk.restart()
      const reopening = openLog({ fileSystem: disk, clock })
      await clock.settle()
      const { log: again, events } = await reopening
      expect([again.endOffset, kinds(events)]).toEqual([
        1,
        ['torn-tail', 'records-lost'].slice(0, kinds(events).length),
      ])
    }
  })

  test('a batch behind a header of zeros was not acknowledged: it goes with it', async () => {
    const { clock, disk } = await write(4)
    damage(disk, file(0), batchBytes, new Uint8Array(batchBytes))
    const { events, log } = await reopen(disk, clock)
    expect(kinds(events)).toEqual(['torn-tail'])
    expect(log.endOffset).toBe(1)
  })
})

describe('damage in the middle', () => {
  test('of a bit, anywhere: what is whole stays readable, the rest fails with an error, nothing is deleted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 3, max: 16 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.integer({ min: 0, max: 7 }),
        async (batches, where, bit) => {
          const { clock, disk, log: before } = await write(batches)
          const expected = readAll(before).batches
          // Not in the last batch: that cannot be told from a torn write.
          const position = Math.floor(where * (batches - 1) * batchBytes)
          const index = Math.floor(position / batchBytes)
          const within = position % batchBytes
          const segment = Math.floor(index / perSegment) * perSegment
          const at = (index - segment) * batchBytes + within
          const content = disk.readFile(file(segment))
          const inLeaderEpoch = within >= 12 && within < 16
          damage(disk, file(segment), at, Uint8Array.of((content[at] as number) ^ (1 << bit)))
          const damaged = disk.readFile(file(segment))
          for (let restart = 0; restart < 2; restart++) {
            const { log, events } = await reopen(disk, clock)
            expect(log.endOffset).toBe(batches)
            const { batches: found, failures } = readAll(log)
            expect(log.leaderEpochs.map(({ epoch }) => epoch)).toEqual([0])
            // No checksum covers it, and no reader needs it: the batch is as good as ever.
            if (!inLeaderEpoch) {
              expect(failures).toEqual([index])
              expect(kinds(events)).toEqual(['quarantined'])
              expect(events[0]).toMatchObject({
                file: file(segment),
                position: (index - segment) * batchBytes,
                bytes: batchBytes,
                firstOffset: index,
                endOffset: index + 1,
              })
              expect(found).toEqual(expected.filter(({ offset }) => offset !== index))
              expect(log.read(index, 1_000).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE)
              expect(log.offsetForTimestamp(start + batches - 1).offset).toBe(batches - 1)
            }
            expect(asBuffer(disk.readFile(file(segment))).equals(damaged)).toBe(true)
          }
        },
      ),
      { numRuns: 80 },
    )
  })

  test('is remembered over a clean restart, which reads nothing again, and the log goes on', async () => {
    const { clock, disk } = await write(5)
    damage(disk, file(0), batchBytes + 80, Uint8Array.of(0))
    const second = await reopen(disk, clock)
    expect(kinds(second.events)).toEqual(['quarantined'])
    second.log.append(makeBatch({ bytes: 100 }), leader)
    await clock.settle()
    await closeLogs(second)
    const third = await openAt(disk, clock)
    expect(third.events).toEqual([])
    expect(third.log.endOffset).toBe(6)
    expect(readAll(third.log).failures).toEqual([1])
    third.log.deleteRecordsBefore(2)
    expect(readAll(third.log).failures).toEqual([])
  })

  test('batches that are missing are a gap: reported, its offsets fail', async () => {
    const { clock, disk } = await write(5)
    const content = disk.readFile(file(0))
    const handle = disk.open(file(0), 'write')
    handle.truncate(0)
    handle.write(content.subarray(0, batchBytes), 0)
    handle.write(content.subarray(3 * batchBytes), batchBytes)
    handle.syncNow()
    const { events, log } = await reopen(disk, clock)
    expect(events[0]).toMatchObject({
      kind: 'quarantined',
      position: batchBytes,
      bytes: 0,
      firstOffset: 1,
      endOffset: 3,
    })
    expect(readAll(log)).toMatchObject({ failures: [1, 2] })
    expect(readAll(log).batches.map(({ offset }) => offset)).toEqual([0, 3, 4])
  })

  test('the end of a segment that is followed by another is never cut off: what follows was acknowledged', async () => {
    const { clock, disk } = await write(perSegment + 3)
    const handle = disk.open(file(0), 'write')
    handle.truncate(perSegment * batchBytes - 30)
    handle.syncNow()
    const { events, log } = await reopen(disk, clock)
    expect(kinds(events)).toEqual(['quarantined'])
    expect(readAll(log).failures).toEqual([perSegment - 1])
    expect(log.endOffset).toBe(perSegment + 3)
  })

  test('without the proof that it was complete, a torn segment ends the log and the next one is set aside', async () => {
    const { clock, disk } = await write(perSegment + 3)
    const next = disk.readFile(file(perSegment))
    disk.remove(file(perSegment, '.snapshot'))
    const handle = disk.open(file(0), 'write')
    handle.truncate(perSegment * batchBytes - 30)
    handle.syncNow()
    disk.syncDirectoryNow('data/t-0')
    const { events, log } = await reopen(disk, clock)
    expect(kinds(events)).toEqual(['torn-tail', 'segment-set-aside'])
    expect(log.endOffset).toBe(perSegment - 1)
    expect(asBuffer(disk.readFile(file(perSegment, '.cut'))).equals(next)).toBe(true)
    expect(log.append(makeBatch(), leader).baseOffset).toBe(perSegment - 1)
  })
})

describe('what a start reads', () => {
  /** Bytes that opening the folder reads from `.log` files. */
  async function bytesRead(disk: SimulatedDisk, clock: ManualClock): Promise<number> {
    let bytes = 0
    const counting: FileSystem = {
      open: (path, mode) => {
        const handle = disk.open(path, mode)
        if (!path.endsWith('.log')) return handle
        return {
          ...handle,
          read: (target, position) => {
            const count = handle.read(target, position)
            bytes += count
            return count
          },
        }
      },
      readFile: (path) => disk.readFile(path),
      stat: (path) => disk.stat(path),
      list: (path) => disk.list(path),
      makeDirectory: (path) => disk.makeDirectory(path),
      rename: (from, to) => disk.rename(from, to),
      remove: (path) => disk.remove(path),
      syncDirectory: (path) => disk.syncDirectory(path),
      syncDirectoryNow: (path) => disk.syncDirectoryNow(path),
      lock: (path) => disk.lock(path),
    }
    await openAt(counting, clock)
    return bytes
  }

  test('after a clean shutdown only the batches after the last index entry', async () => {
    const opened = await write(40)
    await closeLogs(opened)
    const size = opened.log.sizeInBytes
    expect(size).toBeGreaterThan(5_000)
    expect(await bytesRead(opened.disk, opened.clock)).toBeLessThan(600)
  })

  test('after a crash only the segments above the recovery point', async () => {
    const { clock, disk, logs } = await write(40)
    const checkpoint = logs.checkpoint()
    await clock.settle()
    await checkpoint
    disk.restart()
    const active = (40 % perSegment || perSegment) * batchBytes
    expect(await bytesRead(disk, clock)).toBe(active)
  })

  test('a missing or broken index of a closed segment is made again', async () => {
    for (const spoil of ['remove', 'cut'] as const) {
      const opened = await write(40)
      await closeLogs(opened)
      const { clock, disk } = opened
      if (spoil === 'remove') disk.remove(file(0, '.index'))
      else {
        const handle = disk.open(file(0, '.index'), 'write')
        handle.truncate(5)
      }
      const again = await openAt(disk, clock)
      expect(again.events).toEqual([{ kind: 'index-rebuilt', file: file(0), offset: 0 }])
      expect(readAll(again.log).batches).toHaveLength(40)
      expect(again.log.offsetForTimestamp(start + 3).offset).toBe(3)
    }
  })
})

describe('the recovery point', () => {
  /** A log whose recovery point moves after about every three batches. */
  async function openSmall(disk: SimulatedDisk, clock: ManualClock, flush: LogConfig['flush'] = 'sync') {
    const manager = { recoveryPointBytes: 3 * batchBytes }
    const opening = openLog({ fileSystem: disk, clock, config: { ...config, segmentBytes: 1_000_000, flush }, manager })
    await clock.settle()
    return opening
  }
  const scanned = (events: readonly LogEvent[]) =>
    events.flatMap((event) => (event.kind === 'recovered' ? event.scannedBytes : []))

  async function fill(batches: number) {
    const clock = new ManualClock({ now: start })
    const disk = new SimulatedDisk({ clock, random: seededRandom(3) })
    const { log } = await openSmall(disk, clock)
    for (let i = 0; i < batches; i++) {
      log.append(makeBatch({ bytes: 100, timestamp: start + i, producer: { id: 7, sequence: i } }), leader)
      await clock.settle()
    }
    // It is written down within a second.
    await clock.advanceAsync(1_000)
    return { clock, disk, log }
  }

  test('lies within a segment: after a crash only what comes after it is read', async () => {
    const { clock, disk } = await fill(40)
    disk.restart()
    const { events, log } = await openSmall(disk, clock)
    expect(log).toMatchObject({ endOffset: 40, segmentCount: 1 })
    expect(scanned(events)[0]).toBeLessThanOrEqual(3 * batchBytes + 60)
    expect(kinds(events)).toEqual([])
    expect(readAll(log)).toMatchObject({ failures: [] })
    for (let i = 0; i < 40; i++) expect(log.offsetForTimestamp(start + i).offset).toBe(i)
    expect(log.append(makeBatch({ producer: { id: 7, sequence: 39 }, bytes: 100 }), leader)).toMatchObject({
      duplicate: true,
    })
    expect(log.append(makeBatch({ producer: { id: 7, sequence: 40 } }), leader)).toMatchObject({
      errorCode: 0,
      baseOffset: 40,
    })
  })

  test('is moved by the periodic checkpoint in a log that is written to slowly', async () => {
    const { clock, disk, log } = await fill(2)
    expect(log.recoveryPoint).toBe(0)
    await clock.advanceAsync(60_000)
    expect(log.recoveryPoint).toBe(2)
    disk.restart()
    expect(scanned((await openSmall(disk, clock)).events)).toEqual([0])
  })

  test.each([
    ['an index that is gone', (disk: SimulatedDisk) => disk.remove(file(0, '.index'))],
    [
      'a time index that ends in the middle',
      (disk: SimulatedDisk) => disk.open(file(0, '.timeindex'), 'write').truncate(7),
    ],
    ['an index of zeros', (disk: SimulatedDisk) => damage(disk, file(0, '.index'), 0, new Uint8Array(64))],
    [
      'snapshots that are gone',
      (disk: SimulatedDisk) => {
        for (const name of disk.list('data/t-0')) if (name.endsWith('.snapshot')) disk.remove(`data/t-0/${name}`)
      },
    ],
  ])('with %s all is found again', async (_what, spoil) => {
    const { clock, disk } = await fill(40)
    disk.syncDirectoryNow('data/t-0')
    disk.killProcess()
    spoil(disk)
    const { log } = await openSmall(disk, clock)
    expect(log.endOffset).toBe(40)
    for (let i = 0; i < 40; i++) expect(log.offsetForTimestamp(start + i).offset).toBe(i)
    expect(log.append(makeBatch({ producer: { id: 7, sequence: 39 }, bytes: 100 }), leader)).toMatchObject({
      duplicate: true,
    })
  })

  test('does not lie after the end of a log that something else has shortened: what is written there is not synced yet', async () => {
    const { clock, disk } = await fill(40)
    disk.killProcess()
    const handle = disk.open(file(0), 'write')
    handle.truncate(10 * batchBytes)
    handle.syncNow()
    const { events, log } = await openSmall(disk, clock)
    expect(kinds(events)).toEqual(['records-lost'])
    const end = log.endOffset
    expect(end).toBe(readAll(log).batches.length)
    // Nothing has been written down yet when the power fails.
    disk.holdSyncs()
    for (let i = 0; i < 40; i++) log.append(makeBatch({ bytes: 100, timestamp: start + i }), leader)
    await clock.settle()
    disk.restart()
    const again = await openSmall(disk, clock)
    expect(readAll(again.log)).toMatchObject({ failures: [] })
    expect(again.log.endOffset).toBeGreaterThanOrEqual(end)
    expect(kinds(again.events).filter((kind) => kind === 'records-lost')).toEqual([])
  })

  test('a batch that is damaged before it is reported when it is read, as in a closed segment', async () => {
    const { clock, disk } = await fill(40)
    damage(disk, file(0), 5 * batchBytes + 70, new Uint8Array([0xff]))
    disk.killProcess()
    const { log } = await openSmall(disk, clock)
    expect(log.endOffset).toBe(40)
  })
})

describe('producers after a crash right after a roll', () => {
  test.each([
    ['a process that ended', (disk: SimulatedDisk) => disk.killProcess()],
    ['a power failure', (disk: SimulatedDisk) => disk.restart()],
  ])('all five batches that were in flight are recognised: %s', async (_how, crash) => {
    const clock = new ManualClock({ now: start })
    const disk = new SimulatedDisk({ clock, random: seededRandom(3) })
    const { log } = await openAt(disk, clock)
    const batch = (id: number, sequence: number) => makeBatch({ bytes: 40, producer: { id, sequence } })
    for (let sequence = 0; sequence < 6; sequence++) {
      for (const id of [1, 2, 3]) log.append(batch(id, sequence), leader)
    }
    log.roll()
    await clock.settle()
    crash(disk)
    const { log: recovered } = await openAt(disk, clock)
    const end = recovered.endOffset
    for (let sequence = 1; sequence < 6; sequence++) {
      for (const id of [1, 2, 3]) {
        expect(recovered.append(batch(id, sequence), leader)).toMatchObject({
          errorCode: 0,
          duplicate: true,
          baseOffset: 3 * sequence + id - 1,
        })
      }
    }
    expect(recovered.endOffset).toBe(end)
    expect(recovered.append(batch(1, 7), leader).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(recovered.append(batch(1, 6), leader)).toMatchObject({ errorCode: 0, baseOffset: end })
  })
})
