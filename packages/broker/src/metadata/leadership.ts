import type { Brokers } from './brokers.ts'
import type { Partition } from './partition.ts'
import type { TopicCatalog } from './topic-catalog.ts'

/**
 * Moves the leadership of partitions when a broker leaves or comes back, as the controller of a Kafka cluster does. Who
 * leads a partition of a coordinator's topic is the coordinator of the groups, or transactional ids, in it.
 */
export class Leadership {
  readonly #brokers: Brokers
  readonly #topics: TopicCatalog

  constructor(brokers: Brokers, topics: TopicCatalog) {
    this.#brokers = brokers
    this.#topics = topics
  }

  /** The next replica leads what the broker led; without one a partition has no leader (-1). */
  brokerLeft(id: number): void {
    for (const partition of this.#partitionsOn(id)) {
      // The last one stays in sync: it has all there is.
      if (partition.isr.length > 1) partition.isr = partition.isr.filter((replica) => replica !== id)
      if (partition.leaderId === id) partition.lead(this.#firstAlive(partition))
    }
  }

  /** It is in sync at once, since all brokers share one log, and leads again what it should. */
  brokerCame(id: number): void {
    for (const partition of this.#partitionsOn(id)) {
      if (!partition.isr.includes(id) || !partition.isr.every((replica) => this.#brokers.isAlive(replica))) {
        partition.isr = partition.replicas.filter(
          (replica) => replica === id || (partition.isr.includes(replica) && this.#brokers.isAlive(replica)),
        )
      }
      const preferred = partition.replicas[0] as number
      if (partition.leaderId === -1) partition.lead(this.#firstAlive(partition))
      else if (preferred === id) partition.lead(id)
    }
  }

  /** False: the broker has no replica of it, or is away. */
  move(partition: Partition, to: number): boolean {
    if (!partition.replicas.includes(to) || !this.#brokers.isAlive(to)) return false
    partition.lead(to)
    return true
  }

  #firstAlive({ isr }: Partition): number {
    return isr.find((id) => this.#brokers.isAlive(id)) ?? -1
  }

  *#partitionsOn(id: number): Generator<Partition> {
    for (const topic of this.#topics.all()) {
      for (const partition of topic.partitions) if (partition.replicas.includes(id)) yield partition
    }
  }
}
