import { expect, test } from 'vitest'
import { shardOf } from '../../src/journal/shard-of.ts'

test.each([
  // Java: Utils.abs("…".hashCode()) % 50. A hash below zero counts by its amount, not by its lower bits.
  ['', 0],
  ['a', 47],
  ['readers-1', 30],
  ['polygenelubricants', 0],
])("the partition of '%s' is that of Apache Kafka", (groupId, partition) => {
  expect(shardOf(groupId, 50)).toBe(partition)
})
