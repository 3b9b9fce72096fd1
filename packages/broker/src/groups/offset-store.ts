import { type GroupRecord, type OffsetKey, type OffsetValue, offsetRecord } from './group-records.ts'

/** Committed offsets of a group, by topic and partition. */
export type CommittedOffsets = ReadonlyMap<string, ReadonlyMap<number, OffsetValue>>

const none: CommittedOffsets = new Map()

/** The committed offsets of a shard, by group id. They change only by replay. */
export class OffsetStore {
  readonly #groups = new Map<string, Map<string, Map<number, OffsetValue>>>()

  of(group: string): CommittedOffsets {
    return this.#groups.get(group) ?? none
  }

  get({ group, topic, partition }: OffsetKey): OffsetValue | undefined {
    return this.#groups.get(group)?.get(topic)?.get(partition)
  }

  has(key: OffsetKey): boolean {
    return this.get(key) !== undefined
  }

  /** The groups that have any. */
  groupIds(): IterableIterator<string> {
    return this.#groups.keys()
  }

  set({ group, topic, partition }: OffsetKey, value: OffsetValue): void {
    let topics = this.#groups.get(group)
    if (!topics) this.#groups.set(group, (topics = new Map()))
    let partitions = topics.get(topic)
    if (!partitions) topics.set(topic, (partitions = new Map()))
    partitions.set(partition, value)
  }

  delete({ group, topic, partition }: OffsetKey): void {
    const topics = this.#groups.get(group)
    const partitions = topics?.get(topic)
    if (!topics || !partitions?.delete(partition)) return
    if (partitions.size === 0) topics.delete(topic)
    if (topics.size === 0) this.#groups.delete(group)
  }

  /** The records that delete those of a group which `wanted` picks. */
  *tombstones(
    group: string,
    wanted: (topic: string, value: OffsetValue) => boolean = () => true,
  ): Generator<GroupRecord> {
    for (const [topic, partitions] of this.of(group)) {
      for (const [partition, value] of partitions) {
        if (wanted(topic, value)) yield offsetRecord({ group, topic, partition }, null)
      }
    }
  }

  /** The records whose replay yields what is here. */
  *snapshot(): Generator<GroupRecord> {
    for (const [group, topics] of this.#groups) {
      for (const [topic, partitions] of topics) {
        for (const [partition, value] of partitions) yield offsetRecord({ group, topic, partition }, value)
      }
    }
  }
}
