import { ErrorCode } from '@millrace/kafka'
import { seededRandom } from '@millrace/std'
import { ManualClock, SimulatedCrash, SimulatedDisk } from '@millrace/testing'
import { describe, expect, test } from 'vitest'
import { closeLogs, makeBatch, openLogs, start, topicId } from './fixture.ts'

const newTopicId = new Uint8Array(16).fill(8)

function fresh() {
  const clock = new ManualClock({ now: start })
  return { clock, disk: new SimulatedDisk({ clock, random: seededRandom(3) }) }
}

function open({ clock, disk }: ReturnType<typeof fresh>) {
  return openLogs({ clock, fileSystem: disk })
}

/**
 * A partition with ten records, eight of which were deleted, is deleted, and one of its name made that gets `batches`
 * batches.
 */
async function remake(
  { clock, logs }: ReturnType<typeof open>,
  { batches, checkpointRuns, acknowledged }: { batches: number; checkpointRuns: boolean; acknowledged: () => void },
): Promise<void> {
  const old = await logs.createPartition('t', 0, topicId)
  for (let i = 0; i < 10; i++) old.append(makeBatch(), { leaderEpoch: 0 })
  await clock.settle()
  old.deleteRecordsBefore(8)
  await logs.checkpoint()
  const other = await logs.createPartition('u', 0, topicId)
  other.append(makeBatch(), { leaderEpoch: 0 })
  // What it is about to write knows the old one.
  const checkpoint = checkpointRuns ? logs.checkpoint().catch(() => {}) : undefined
  await logs.deletePartition('t', 0)
  const log = logs.newPartition('t', 0, newTopicId)
  for (let i = 0; i < batches; i++) {
    const { errorCode, lastOffset } = log.append(makeBatch(), { leaderEpoch: 0 })
    if (errorCode !== ErrorCode.NONE) break
    log.whenFlushed(lastOffset + 1, { flushed: (code) => code === ErrorCode.NONE && acknowledged() })
  }
  await clock.settle()
  await checkpoint
  await logs.checkpoint()
}

describe('a partition that is made under the name of one that was deleted', () => {
  test('begins at 0, also for the next start', async () => {
    const machine = fresh()
    const first = open(machine)
    await remake(first, { batches: 5, checkpointRuns: false, acknowledged: () => {} })
    await closeLogs(first)
    const second = open(machine)
    const log = second.logs.get('t', 0)
    expect([log?.logStartOffset, log?.endOffset]).toEqual([0, 5])
    expect(second.events).toEqual([])
    await closeLogs(second)
  })

  test('and has no folder yet is not missed by the next start', async () => {
    const machine = fresh()
    const first = open(machine)
    await remake(first, { batches: 0, checkpointRuns: false, acknowledged: () => {} })
    await closeLogs(first)
    const second = open(machine)
    expect(second.logs.hadFolder('t', 0)).toBe(false)
    await closeLogs(second)
  })

  test.each([false, true])(
    'keeps what it has acknowledged when power fails at any operation (while a checkpoint is written: %s)',
    async (checkpointRuns) => {
      const whole = fresh()
      await remake(open(whole), { batches: 5, checkpointRuns, acknowledged: () => {} })
      let kept = 0
      for (let n = 1; n <= whole.disk.operations; n++) {
        const machine = fresh()
        machine.disk.crashAfter(n)
        let count = 0
        const acknowledged = () => count++
        try {
          await remake(open(machine), { batches: 5, checkpointRuns, acknowledged })
        } catch (cause) {
          if (!(cause instanceof SimulatedCrash)) throw cause
        }
        await machine.clock.settle()
        machine.disk.restart()
        const again = open(machine)
        const log = again.logs.get('t', 0)
        if (count === 0) continue
        kept++
        expect([log?.logStartOffset, log?.endOffset], `after operation ${n}`).toEqual([0, 5])
      }
      expect(kept).toBeGreaterThan(0)
    },
  )
})
