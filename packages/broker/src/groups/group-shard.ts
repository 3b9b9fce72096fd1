import { ClassicGroup } from './classic-group.ts'
import { GroupMembership } from './membership.ts'
import { GroupOffsets } from './group-offsets.ts'
import { type GroupRecord, groupRecord, offsetRecord } from './group-records.ts'
import type { ShardContext } from './shard-context.ts'

/**
 * The groups of one partition of `__consumer_offsets`, as a state machine: a command yields records, and what is durable
 * (offsets, completed generations) changes only in {@link replay}. Recovery and live operation share it. A rebalance in
 * progress is not durable, as in Apache Kafka: who was in it joins again.
 */
export class GroupShard {
  readonly groups = new Map<string, ClassicGroup>()
  readonly membership: GroupMembership
  readonly offsets: GroupOffsets

  constructor(context: ShardContext) {
    this.membership = new GroupMembership(context, this.groups)
    this.offsets = new GroupOffsets(context, this.groups, (group, memberId) => this.membership.touch(group, memberId))
  }

  replay(record: GroupRecord): void {
    if (record.kind === 'offset') this.#replayOffset(record)
    else this.#replayGroup(record)
  }

  /** After the last record of a recovery: members that were there are expected back. */
  recovered(): void {
    for (const group of this.groups.values()) this.membership.watchRecovered(group)
  }

  /** The fewest records whose replay yields what is durable now. */
  *snapshot(): Generator<GroupRecord> {
    for (const group of this.groups.values()) {
      if (group.durable) yield groupRecord(group.id, group.durable)
      for (const [topic, partitions] of group.offsets) {
        for (const [partition, value] of partitions) yield offsetRecord({ group: group.id, topic, partition }, value)
      }
    }
  }

  #replayOffset({ key, value }: Extract<GroupRecord, { kind: 'offset' }>): void {
    const group = this.#groupOf(key.group)
    const partitions = group.offsets.get(key.topic)
    if (value) {
      if (partitions) partitions.set(key.partition, value)
      else group.offsets.set(key.topic, new Map([[key.partition, value]]))
      return
    }
    partitions?.delete(key.partition)
    if (partitions?.size === 0) group.offsets.delete(key.topic)
    this.#dropIfGone(group)
  }

  #replayGroup({ group: id, value }: Extract<GroupRecord, { kind: 'group' }>): void {
    const group = this.#groupOf(id)
    if (value) {
      group.adopt(value)
      return
    }
    group.durable = null
    this.#dropIfGone(group)
  }

  #groupOf(id: string): ClassicGroup {
    let group = this.groups.get(id)
    if (!group) {
      group = new ClassicGroup(id)
      this.groups.set(id, group)
    }
    return group
  }

  #dropIfGone(group: ClassicGroup): void {
    if (group.isGone) this.groups.delete(group.id)
  }
}
