import { ErrorCode } from '@millrace/kafka'
import { seededRandom } from '@millrace/std'
import { ManualClock, SimulatedDisk } from '@millrace/testing'
import { describe, expect, test } from 'vitest'
import { makeBatch, openLog, start } from './fixture.ts'

const leader = { leaderEpoch: 0 }
const marker = { producerEpoch: 0, coordinatorEpoch: 0, commit: true, transactionVersion: 1 }

/**
 * A log of which retention has taken everything, after a snapshot that knows producer 1 with an older sequence number and
 * producer 2 with an open transaction; then it `ends`.
 */
async function openAfter(ends: (disk: SimulatedDisk) => void, { waits, seed }: { waits: boolean; seed: number }) {
  const clock = new ManualClock({ now: start })
  const disk = new SimulatedDisk({ clock, random: seededRandom(seed) })
  const manager = { recoveryPointBytes: 900 * 256 }
  const options = { fileSystem: disk, clock, config: { retentionMs: 1_000 }, manager }
  const opening = openLog(options)
  await clock.settle()
  const { log, logs } = await opening
  log.append(makeBatch({ bytes: 1_000, producer: { id: 1, sequence: 0 } }), leader)
  log.append(makeBatch({ producer: { id: 2, sequence: 0 }, transactional: true }), leader)
  await clock.settle()
  await logs.checkpoint()
  expect(log.recoveryPoint).toBe(2)
  log.append(makeBatch({ producer: { id: 1, sequence: 1 } }), leader)
  log.appendEndTxnMarker({ ...marker, producerId: 2 })
  await clock.settle()
  await clock.advanceAsync(100_000)
  expect(log.applyRetention()).toBe(1)
  if (waits) await clock.settle()
  ends(disk)
  const again = openLog(options)
  await clock.settle()
  return { clock, log: (await again).log }
}

describe('retention that takes everything, and then', () => {
  test.each([false, true])('the end of the process: producers go on, nothing is open (synced: %s)', async (waits) => {
    const { clock, log } = await openAfter((disk) => disk.killProcess(), { waits, seed: 1 })
    expect([log.logStartOffset, log.endOffset]).toEqual([4, 4])
    expect(log.append(makeBatch({ producer: { id: 1, sequence: 1 } }), leader)).toMatchObject({ duplicate: true })
    expect(log.append(makeBatch({ producer: { id: 1, sequence: 2 } }), leader).errorCode).toBe(ErrorCode.NONE)
    await clock.settle()
    expect(log.lastStableOffset).toBe(5)
  })

  test.each([false, true])(
    'a power failure: producers go on, nothing is open that is not (synced: %s)',
    async (waits) => {
      for (let seed = 0; seed < 40; seed++) {
        const { clock, log } = await openAfter((disk) => disk.restart(), { waits, seed })
        expect(log.append(makeBatch({ producer: { id: 1, sequence: 2 } }), leader).errorCode).toBe(ErrorCode.NONE)
        await clock.settle()
        expect(log.lastStableOffset, `seed ${seed}`).toBe(5)
      }
    },
  )
})

describe('a segment that goes while it is brought to the device', () => {
  test.each(['retention', 'DeleteRecords'] as const)('by %s: the log goes on', async (order) => {
    for (let step = 0; step < 14; step++) {
      const clock = new ManualClock({ now: start })
      const disk = new SimulatedDisk({ clock, random: seededRandom(2), syncs: { timers: clock, delayMs: () => 10 } })
      const config = { segmentBytes: 500, retentionBytes: 0, retentionMs: -1, flush: 'none' as const }
      const opening = openLog({ fileSystem: disk, clock, config, manager: { recoveryPointBytes: 1_000 } })
      await clock.advanceAsync(100)
      const { log, logs } = await opening
      for (let i = 0; i < 4; i++) log.append(makeBatch({ bytes: 200 }), leader)
      const checkpoint = logs.checkpoint()
      await clock.advanceAsync(10 * step)
      if (order === 'retention') log.applyRetention()
      else log.deleteRecordsBefore(-1)
      await clock.advanceAsync(2_000)
      await checkpoint
      expect([log.state, log.append(makeBatch(), leader).errorCode], `step ${step}`).toEqual(['online', ErrorCode.NONE])
    }
  })
})
