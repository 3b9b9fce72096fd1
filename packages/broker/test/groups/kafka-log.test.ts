import { readFileSync } from 'node:fs'
import { baseOffset, batchSize, isControl, isTransactional, iterateRecords } from '@millrace/kafka'
import { expect, test } from 'vitest'
import { decodeGroupRecord, encodeGroupRecord } from '../../src/groups/group-record-codec.ts'
import { ShardHarness } from './fixture.ts'

const log = readFileSync(
  new URL('../../../kafka/test/definitions/golden/kafka-4.3.1-logs/__consumer_offsets.log', import.meta.url),
)

test("a log of Apache Kafka's group coordinator is replayed, and its records are written as Kafka wrote them", () => {
  const { shard } = new ShardHarness()
  let count = 0
  for (let at = 0; at < log.byteLength; at += batchSize(log, at)) {
    const bytes = log.subarray(at, at + batchSize(log, at))
    if (isControl(bytes, 0)) continue
    expect(baseOffset(bytes, 0)).toBeGreaterThanOrEqual(0)
    const transaction = isTransactional(bytes, 0) ? { producerId: 1, producerEpoch: 0 } : undefined
    for (const { key, value } of iterateRecords(bytes)) {
      const record = key && decodeGroupRecord(key, value)
      if (!record) continue
      shard.replay(record, transaction)
      const encoded = encodeGroupRecord(record)
      expect([...encoded.key]).toEqual([...key])
      expect(encoded.value && [...encoded.value]).toEqual(value && [...value])
      count++
    }
  }
  expect(count).toBeGreaterThan(10)
  const states = [...shard.groups.values()].map(({ type, state, protocolType }) => ({ type, state, protocolType }))
  expect(states).toMatchInlineSnapshot(`
    [
      {
        "protocolType": "consumer",
        "state": "Empty",
        "type": "consumer",
      },
      {
        "protocolType": "consumer",
        "state": "Empty",
        "type": "classic",
      },
    ]
  `)
})
