import { ErrorCode, type ListOffsetsRequest } from '@millrace/kafka'
import { expect, test } from 'vitest'
import { registerListOffsets } from '../../src/handlers/list-offsets.ts'
import type { HandlerRegistry } from '../../src/handlers/registry.ts'
import type { PartitionLog } from '../../src/log/index.ts'
import type { TopicCatalog } from '../../src/metadata/topic-catalog.ts'
import { makeBatch, openLog, start } from '../log/fixture.ts'

type Handle = (request: ListOffsetsRequest, context: { version: number; client: { nodeId: number } }) => Answer
interface Answer {
  readonly topics: readonly {
    readonly partitions: readonly { errorCode: number; offset?: number; timestamp?: number }[]
  }[]
}

/** Asks the handler for one partition, which is `log`. */
function ask(log: PartitionLog, timestamp: number, isolationLevel: number) {
  let handle: Handle | undefined
  const registry = { registerSimple: (handler: { handle: Handle }) => void (handle = handler.handle) }
  const topics = { partition: () => ({ log, leaderId: 1, leaderEpoch: 0 }) }
  registerListOffsets(registry as unknown as HandlerRegistry, topics as unknown as TopicCatalog)
  const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp }]
  const request = {
    replicaId: -1,
    isolationLevel,
    topics: [{ name: 't', partitions }],
  } as unknown as ListOffsetsRequest
  return handle?.(request, { version: 7, client: { nodeId: 1 } }).topics[0]?.partitions[0]
}

test('with read_committed there is nothing at or after the last stable offset, which is the latest', async () => {
  const { log } = await openLog({ config: { flush: 'none' } })
  log.append(makeBatch({ timestamp: start }), { leaderEpoch: 0 })
  log.append(makeBatch({ timestamp: start + 9, producer: { id: 1, sequence: 0 }, transactional: true }), {
    leaderEpoch: 0,
  })
  const none = { errorCode: ErrorCode.NONE, offset: -1, timestamp: -1 }
  const cases: [number, object, object][] = [
    [-1, { offset: 2 }, { offset: 1 }],
    [-2, { offset: 0 }, { offset: 0 }],
    [-3, { offset: 1, timestamp: start + 9 }, none],
    [start, { offset: 0, timestamp: start }, { offset: 0, timestamp: start }],
    [start + 1, { offset: 1, timestamp: start + 9 }, none],
  ]
  for (const [timestamp, uncommitted, committed] of cases) {
    expect(ask(log, timestamp, 0)).toMatchObject(uncommitted)
    expect(ask(log, timestamp, 1)).toMatchObject(committed)
  }
})
