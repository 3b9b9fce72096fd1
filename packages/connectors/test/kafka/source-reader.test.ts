import type { ReaderContext } from '@millrace/engine'
import type { KafkaConsumer } from '@millrace/kafka'
import { hostSystem } from '@millrace/std'
import { ManualClock } from '@millrace/testing'
import { describe, expect, it } from 'vitest'
import type { DeadLetterQueue } from '../../src/kafka/dead-letter-queue.ts'
import type { RowCollector } from '../../src/kafka/row-collector.ts'
import { KafkaSourceReader } from '../../src/kafka/source-reader.ts'
import { partitionSplit } from '../../src/kafka/split.ts'

const unused = {} as Omit<ReaderContext, 'system' | 'available' | 'fail'>

/** A reader whose cluster is played by the test. */
function newReader({
  commit,
  flush,
}: {
  commit?: (signal: AbortSignal) => Promise<void>
  flush?: () => Promise<void>
}) {
  const clock = new ManualClock()
  const done = () => Promise.resolve()
  const events: string[] = []
  const note = (event: string, answer: () => Promise<void> = done) => {
    events.push(event)
    return answer()
  }
  const consumer = {
    assignment: () => [],
    assign: () => {},
    seek: () => {},
    commit: (_positions: unknown, { signal }: { signal: AbortSignal }) =>
      note('commit', commit && (() => commit(signal))),
    close: () => note('consumer closed'),
  } satisfies Partial<Record<keyof KafkaConsumer, unknown>>
  const deadLetters = { flush: () => note('flush', flush), close: () => note('dead letters closed') }
  const reader = new KafkaSourceReader({
    context: {
      ...unused,
      system: { ...hostSystem, clock, timers: clock },
      available: () => {},
      fail: (error) => void events.push(`failed: ${error.message}`),
    },
    consumer: consumer as unknown as KafkaConsumer,
    collector: {} as RowCollector,
    deadLetters: deadLetters as unknown as DeadLetterQueue,
    commits: true,
  })
  reader.addSplits([partitionSplit('lines', 0, 17, undefined)])
  return { reader, events, clock }
}

describe('the progress of a Kafka source', () => {
  it('is committed when what was put aside is safe, and known when the reader has closed', async () => {
    const { reader, events } = newReader({})
    reader.snapshotState(1)
    reader.checkpointComplete(1)
    await reader.close()
    expect(events).toEqual(['flush', 'commit', 'consumer closed', 'dead letters closed'])
  })

  it('is given up when the cluster does not answer at the end', async () => {
    const never = (signal: AbortSignal) =>
      new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    const { reader, events, clock } = newReader({ commit: never })
    reader.snapshotState(1)
    reader.checkpointComplete(1)
    const closing = expect(reader.close()).rejects.toMatchObject({ code: 'CONNECTOR_COMMIT_TIMEOUT' })
    await clock.advanceAsync(4999)
    expect(events).not.toContain('consumer closed')
    await clock.advanceAsync(1)
    await closing
    expect(events).toContain('consumer closed')
    expect(clock.pending).toBe(0)
  })

  it.each([
    { what: 'commit', failing: { commit: () => Promise.reject(new Error('not the leader')) } },
    { what: 'dead letters', failing: { flush: () => Promise.reject(new Error('not the leader')) } },
  ])('is missed at the end too when the last one fails: $what', async ({ what, failing }) => {
    const { reader, events } = newReader(failing)
    reader.snapshotState(1)
    reader.checkpointComplete(1)
    // As the engine does when the last task has finished: nobody listens to `fail` any more.
    await expect(reader.close()).rejects.toThrow('not the leader')
    expect(events).toContain('failed: not the leader')
    expect(events.slice(-2)).toEqual(['consumer closed', 'dead letters closed'])
    if (what === 'dead letters') expect(events).not.toContain('commit')
  })
})
