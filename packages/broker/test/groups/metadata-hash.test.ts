import { readFileSync } from 'node:fs'
import { uuidFromString } from '@millrace/std'
import { expect, test } from 'vitest'
import { metadataHash } from '../../src/groups/consumer/metadata-hash.ts'
import { type TopicInfo, TopicsImage } from '../../src/groups/topics-image.ts'

const golden = readFileSync(new URL('golden/hashes.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { name: string; id: string; partitions: number; group: string })

test('the hash of the topics of a group is that of Apache Kafka', () => {
  const topics: TopicInfo[] = []
  for (const { name, id, partitions, group } of golden) {
    topics.push({ name, id: uuidFromString(id), partitions })
    const image = new TopicsImage({ topics: () => topics, version: () => 0 })
    image.refresh()
    const names = topics.map((topic) => topic.name).reverse()
    expect(metadataHash([...names, 'nobody-made-this'], image)).toBe(BigInt(group))
  }
})

test('without a topic there is none', () => {
  const image = new TopicsImage({ topics: () => [], version: () => 0 })
  expect(metadataHash(['a'], image)).toBe(0n)
})
