import fc from 'fast-check'
import { ErrorCode } from '@millrace/kafka'
import { seededRandom } from '@millrace/std'
import { ManualClock, SimulatedDisk } from '@millrace/testing'
import { expect, test } from 'vitest'
import { makeBatch, type Opened, openLogs, readAll, start, topicId } from './fixture.ts'

const leader = { leaderEpoch: 0 }
/** A batch of one record or two fills a segment. */
const config = { segmentBytes: 150, indexIntervalBytes: 50 }

/**
 * What a sync has failed for may read as if it were safe, for this process and the next, until power is lost: whatever is
 * acknowledged on top of it must be there even so.
 */
test('whichever sync fails, of data or of folders: what is acknowledged after the restart survives the loss of power', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(40), fc.nat(8), fc.nat(8), fc.nat(), async (skip, first, then, seed) => {
      const clock = new ManualClock({ now: start })
      const disk = new SimulatedDisk({ clock, random: seededRandom(seed) })
      const acknowledged: number[] = []
      let sequence = 0

      const open = async (): Promise<Opened> => {
        const opened = openLogs({ fileSystem: disk, clock, config })
        await clock.settle()
        return opened
      }
      const append = async (opened: Opened) => {
        const log = opened.logs.get('t', 0) ?? opened.logs.newPartition('t', 0, topicId)
        const result = log.append(makeBatch({ producer: { id: 1, sequence } }), leader)
        if (result.errorCode !== ErrorCode.NONE) return
        const flushed = log.flushed(result.baseOffset + 1)
        await clock.settle()
        if ((await flushed) !== ErrorCode.NONE) return
        acknowledged.push(result.baseOffset)
        sequence++
      }

      let opened = await open()
      disk.failNext('sync', { skip })
      for (let i = 0; i < first; i++) await append(opened)
      disk.killProcess()
      opened = await open()
      for (let i = 0; i < then; i++) await append(opened)
      disk.killProcess()
      opened = await open()
      await append(opened)
      disk.restart()

      const log = (await open()).logs.get('t', 0)
      const found = log ? readAll(log).batches.map(({ offset }) => offset) : []
      expect(found.slice(0, acknowledged.length)).toEqual(acknowledged)
    }),
    { numRuns: 300 },
  )
})
