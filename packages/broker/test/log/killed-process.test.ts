import { ErrorCode } from '@millrace/kafka'
import { seededRandom } from '@millrace/std'
import { ManualClock, SimulatedDisk } from '@millrace/testing'
import { describe, expect, test } from 'vitest'
import { makeBatch, openLog, readAll, start } from './fixture.ts'

const leader = { leaderEpoch: 0 }

function newDisk() {
  const clock = new ManualClock({ now: start })
  return { clock, disk: new SimulatedDisk({ clock, random: seededRandom(3) }) }
}

/** What a process leaves that is killed is there for the next one, on the device or not; then power may be lost. */
describe('a log that a killed process leaves', () => {
  test('has nothing of what a sync has failed for: the next process would take it for safe', async () => {
    const { clock, disk } = newDisk()
    const first = await openLog({ fileSystem: disk, clock })
    const batch = (sequence: number) => makeBatch({ producer: { id: 1, sequence } })
    first.log.append(batch(0), leader)
    await clock.settle()
    disk.failNext('sync')
    first.log.append(batch(1), leader)
    const refused = first.log.flushed(2)
    await clock.settle()
    expect(await refused).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    disk.killProcess()
    const second = await openLog({ fileSystem: disk, clock })
    expect(second.log.endOffset).toBe(1)
    expect(second.log.append(batch(1), leader)).toMatchObject({ errorCode: ErrorCode.NONE, duplicate: false })
    const acknowledged = second.log.flushed(2)
    await clock.settle()
    expect(await acknowledged).toBe(ErrorCode.NONE)
    disk.restart()
    const third = await openLog({ fileSystem: disk, clock })
    expect(readAll(third.log).batches.map(({ offset }) => offset)).toEqual([0, 1])
  })

  test('is on the device with its folder before anything in it is acknowledged again', async () => {
    const { clock, disk } = newDisk()
    const first = await openLog({ fileSystem: disk, clock })
    disk.holdSyncs()
    first.log.append(makeBatch({ producer: { id: 1, sequence: 0 } }), leader)
    await clock.settle()
    disk.killProcess()
    const second = await openLog({ fileSystem: disk, clock })
    const again = second.log.append(makeBatch({ producer: { id: 1, sequence: 0 } }), leader)
    expect(again).toMatchObject({ errorCode: ErrorCode.NONE, duplicate: true })
    const acknowledged = second.log.flushed(1)
    await clock.settle()
    expect(await acknowledged).toBe(ErrorCode.NONE)
    disk.restart()
    const third = await openLog({ fileSystem: disk, clock })
    expect(readAll(third.log).batches.map(({ offset }) => offset)).toEqual([0])
  })
})
