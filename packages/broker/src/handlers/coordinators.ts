import type { Brokers } from '../metadata/brokers.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { offsetsTopicName, transactionsTopicName } from '../metadata/topic-name.ts'
import { shardOf } from '../journal/shard-of.ts'

const topicOf = { group: offsetsTopicName, transaction: transactionsTopicName } as const

/** What is coordinated by the leader of the partition that keeps it. */
export type Coordinated = keyof typeof topicOf

/** Which broker coordinates a group or a transactional id. */
export class Coordinators {
  readonly brokers: Brokers
  readonly #topics: TopicCatalog

  constructor(brokers: Brokers, topics: TopicCatalog) {
    this.brokers = brokers
    this.#topics = topics
  }

  /** -1: none, for now. */
  idOf(kind: Coordinated, key: string): number {
    const partitions = this.#topics.get(topicOf[kind])?.partitions ?? []
    return partitions[shardOf(key, partitions.length)]?.leaderId ?? -1
  }
}
