export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** Partitions by topic, in the order in which they were added. */
export type TopicPartitions = ReadonlyMap<string, ReadonlySet<number>>

export const noPartitions: TopicPartitions = new Map()

export function hasPartition(partitions: TopicPartitions, { topic, partition }: TopicPartition): boolean {
  return partitions.get(topic)?.has(partition) ?? false
}

/** These and those, as a new collection. */
export function withPartitions(partitions: TopicPartitions, added: readonly TopicPartition[]): TopicPartitions {
  const all = new Map<string, Set<number>>()
  for (const [topic, indexes] of partitions) all.set(topic, new Set(indexes))
  for (const { topic, partition } of added) {
    const indexes = all.get(topic)
    if (indexes) indexes.add(partition)
    else all.set(topic, new Set([partition]))
  }
  return all
}

export function* eachPartition(partitions: TopicPartitions): Generator<TopicPartition> {
  for (const [topic, indexes] of partitions) for (const partition of indexes) yield { topic, partition }
}
