import { CreateTopics, Fetch, type FetchResponse, Metadata, Produce } from '@millrace/kafka'
import { describe, expect, test } from 'vitest'
import { type Broker, type BrokerOptions, startBroker } from '../../src/index.ts'
import { batchOf, RawClient } from '../support/raw-client.ts'

async function withBroker(options: Partial<BrokerOptions>, run: (client: RawClient, broker: Broker) => Promise<void>) {
  const broker = await startBroker({ port: 0, data: 'memory', ...options })
  const client = await RawClient.connect(broker)
  try {
    await run(client, broker)
  } finally {
    client.close()
    await broker.close()
  }
}

const fetchOne = {
  maxWaitMs: 0,
  minBytes: 1,
  topics: [{ topic: 'big', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_048_576 }] }],
  forgottenTopicsData: [],
}

/** Lets the event loop turn until nothing changes for a while. */
async function settled(value: () => number): Promise<number> {
  for (let still = 0, last = -1; still < 50; still++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (value() !== last) still = 0
    last = value()
  }
  return value()
}

describe('a client that does not read', () => {
  test('costs the broker a few answers, not all, and gets them when it reads on', async () => {
    await withBroker({}, async (client, broker) => {
      await client.call(CreateTopics, 7, {
        topics: [{ name: 'big', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      })
      await client.call(Produce, 9, {
        acks: -1,
        timeoutMs: 0,
        topicData: [{ name: 'big', partitionData: [{ index: 0, records: batchOf(['x'.repeat(1_000_000)]) }] }],
      })
      const stalled = await RawClient.connect(broker)
      stalled.pause()
      const answers: Promise<FetchResponse>[] = []
      for (let i = 0; i < 100; i++) answers.push(stalled.call(Fetch, 12, fetchOne))
      const readBytes = await settled(() => broker.metrics().log.readBytes)
      // What the system's socket buffers take (several megabytes), and what waits in front of them.
      expect(readBytes).toBeLessThan(30_000_000)
      stalled.resume()
      for (const { responses } of await Promise.all(answers)) {
        expect(responses[0]?.partitions[0]?.records?.byteLength).toBeGreaterThan(1_000_000)
      }
      stalled.close()
    })
  })

  test('that goes away leaves nothing behind', async () => {
    await withBroker({}, async (client, broker) => {
      await client.call(CreateTopics, 7, {
        topics: [{ name: 'big', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      })
      const waiting = await RawClient.connect(broker)
      const dropped = expect(waiting.call(Fetch, 12, { ...fetchOne, maxWaitMs: 60_000 })).rejects.toThrow('closed')
      while (broker.metrics().requests < 2) await new Promise((resolve) => setImmediate(resolve))
      waiting.close()
      await dropped
      while (broker.metrics().connections > 1) await new Promise((resolve) => setImmediate(resolve))
      const sent = await client.call(Produce, 9, {
        acks: -1,
        timeoutMs: 0,
        topicData: [{ name: 'big', partitionData: [{ index: 0, records: batchOf(['x']) }] }],
      })
      expect(sent.responses[0]?.partitionResponses[0]?.errorCode).toBe(0)
    })
  })
})

describe('connections', () => {
  test('with many requests under way are read no further, and all are answered', async () => {
    await withBroker({ config: { 'queued.max.requests': 2 } }, async (client) => {
      const answers = Array.from({ length: 300 }, () => client.call(Metadata, 9, { topics: [] }))
      for (const { brokers } of await Promise.all(answers)) expect(brokers).toHaveLength(1)
    })
  })

  test('that are idle for long are closed', async () => {
    await withBroker({ config: { 'connections.max.idle.ms': 20 } }, async (client) => {
      await client.closed
    })
  })

  test('beyond the most that are allowed are closed', async () => {
    await withBroker({ config: { 'max.connections': 1 } }, async (client, broker) => {
      const second = await RawClient.connect(broker)
      await second.closed
      expect((await client.call(Metadata, 9, { topics: [] })).brokers).toHaveLength(1)
    })
  })
})
