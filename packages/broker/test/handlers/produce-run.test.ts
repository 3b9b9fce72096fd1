import { CreateTopics, ErrorCode, Produce, type ProduceResponse, RecordBatchBuilder } from '@millrace/kafka'
import { utf8 } from '@millrace/std'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../../src/index.ts'
import { RawClient } from '../support/raw-client.ts'

let broker: Broker
let client: RawClient
let topics = 0

beforeAll(async () => {
  broker = await startBroker({ port: 0, data: 'memory' })
  client = await RawClient.connect(broker)
})

afterAll(async () => {
  client.close()
  await broker.close()
})

interface Sent {
  partition: number
  version: 8 | 9
  acks: 0 | -1
  records: number
  valueBytes: number
  isCorrupt: boolean
}

const any: fc.Arbitrary<Sent> = fc.record({
  partition: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(1, 7) }),
  version: fc.oneof(
    { weight: 5, arbitrary: fc.constant(9 as const) },
    { weight: 1, arbitrary: fc.constant(8 as const) },
  ),
  acks: fc.oneof({ weight: 9, arbitrary: fc.constant(-1 as const) }, { weight: 1, arbitrary: fc.constant(0 as const) }),
  records: fc.integer({ min: 1, max: 3 }),
  valueBytes: fc.constantFrom(10, 10, 10, 100, 20_000),
  isCorrupt: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
})

/** A failure without acks ends the connection: here all go on. */
const sent = any.map((request) => (request.acks === 0 ? { ...request, partition: 0, isCorrupt: false } : request))

function batchOf({ records, valueBytes, isCorrupt }: Sent): Uint8Array {
  const builder = new RecordBatchBuilder()
  for (let i = 0; i < records; i++) builder.append(null, utf8('v'.repeat(valueBytes)), 1)
  const batch = Uint8Array.from(builder.finish())
  if (isCorrupt) batch[batch.length - 1] = 1
  return batch
}

describe('produce requests that follow each other', () => {
  test('are answered one by one as if they had come alone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sent, { minLength: 1, maxLength: 80, size: 'max' }), async (requests) => {
        const topic = `t${topics++}`
        await client.call(CreateTopics, 7, {
          topics: [{ name: topic, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
        })
        const next = [0, 0]
        const answers: Promise<ProduceResponse>[] = []
        const expected: { errorCode: number; baseOffset: number }[] = []
        for (const request of requests) {
          const { partition, version, isCorrupt } = request
          const baseOffset = next[partition]
          const errorCode =
            baseOffset === undefined
              ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
              : isCorrupt
                ? ErrorCode.CORRUPT_MESSAGE
                : ErrorCode.NONE
          // One that fails without an answer ends the connection.
          const acks = errorCode === ErrorCode.NONE ? request.acks : -1
          const body = {
            acks,
            timeoutMs: 1_000,
            topicData: [{ name: topic, partitionData: [{ index: partition, records: batchOf(request) }] }],
          }
          if (errorCode === ErrorCode.NONE) next[partition] = (baseOffset as number) + request.records
          if (acks === 0) client.post(Produce, version, body)
          else {
            answers.push(client.call(Produce, version, body))
            expected.push({ errorCode, baseOffset: errorCode === ErrorCode.NONE ? (baseOffset as number) : -1 })
          }
        }
        const received = (await Promise.all(answers)).map(({ responses }) => {
          const { errorCode, baseOffset } = responses[0]?.partitionResponses[0] ?? { errorCode: -2, baseOffset: -2 }
          return { errorCode, baseOffset }
        })
        expect(received).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })
})
