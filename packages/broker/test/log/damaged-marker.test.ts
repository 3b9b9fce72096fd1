import { ErrorCode } from '@millrace/kafka'
import { seededRandom } from '@millrace/std'
import { ManualClock, SimulatedDisk } from '@millrace/testing'
import { expect, test } from 'vitest'
import { makeBatch, openLog, start } from './fixture.ts'

const leader = { leaderEpoch: 0 }

test.each([true, false])(
  'a marker that is damaged in a closed segment still ends its transaction (commit: %s)',
  async (commit) => {
    const clock = new ManualClock({ now: start })
    const disk = new SimulatedDisk({ clock, random: seededRandom(2) })
    const options = { fileSystem: disk, clock, config: { segmentBytes: 500 } }
    const opening = openLog(options)
    await clock.settle()
    const { log } = await opening
    log.append(makeBatch({ bytes: 100, producer: { id: 1, sequence: 0 }, transactional: true }), leader)
    const position = log.sizeInBytes
    const marker = { producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, commit, transactionVersion: 1 }
    expect(log.appendEndTxnMarker(marker).errorCode).toBe(ErrorCode.NONE)
    for (let i = 0; i < 4; i++) log.append(makeBatch({ bytes: 100 }), leader)
    await clock.settle()
    expect(log.segmentCount).toBe(3)
    const file = disk.open('data/t-0/00000000000000000000.log', 'write')
    file.write(Uint8Array.of(0xff), position + 70)
    file.syncNow()
    disk.killProcess()
    const again = openLog(options)
    await clock.settle()
    const { events, log: found } = await again
    expect(events.map(({ kind }) => kind)).toContain('quarantined')
    expect([found.endOffset, found.lastStableOffset]).toEqual([6, 6])
    expect(found.abortedTransactions(0, 6)).toEqual(commit ? [] : [{ producerId: 1, firstOffset: 0 }])
    // The same for the next start, which trusts what this one has written.
    disk.killProcess()
    const third = openLog(options)
    await clock.settle()
    const { log: last } = await third
    expect([last.endOffset, last.lastStableOffset]).toEqual([6, 6])
    expect(last.abortedTransactions(0, 6)).toEqual(commit ? [] : [{ producerId: 1, firstOffset: 0 }])
  },
)
