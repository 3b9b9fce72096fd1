import type { PartitionLog } from '../log/partition-log.ts'
import type { Topic } from './topic-catalog.ts'

/** Wants to know when consumers can see more of a partition, or when it goes away. */
export interface PartitionWatcher {
  partitionChanged(partition: Partition): void
}

/** The leader of every partition is this broker, since its first day. */
export const leaderEpoch = 0

/** One partition of a topic with its open log, and the fetches that wait for more. */
export class Partition {
  readonly topic: Topic
  readonly index: number
  readonly log: PartitionLog
  readonly #watchers = new Set<PartitionWatcher>()
  /** The topic was deleted. */
  isDeleted = false

  constructor(topic: Topic, index: number, log: PartitionLog) {
    this.topic = topic
    this.index = index
    this.log = log
  }

  watch(watcher: PartitionWatcher): void {
    this.#watchers.add(watcher)
  }

  unwatch(watcher: PartitionWatcher): void {
    this.#watchers.delete(watcher)
  }

  /** The high watermark has moved, or the partition is deleted. */
  changed(): void {
    if (this.#watchers.size === 0) return
    for (const watcher of [...this.#watchers]) watcher.partitionChanged(this)
  }
}
