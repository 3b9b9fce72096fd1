import { assert } from '@millrace/std'
import { ClassicGroup } from './classic-group.ts'
import type { Group } from './group.ts'
import { GroupOffsets } from './group-offsets.ts'
import type { GroupRecord } from './group-records.ts'
import { GroupMembership } from './membership.ts'
import { OffsetStore } from './offset-store.ts'
import type { ShardContext } from './shard-context.ts'

/**
 * The groups of one partition of `__consumer_offsets`, as a state machine: a command yields records, and what is durable
 * (offsets, completed generations) changes only in {@link replay}. Recovery and live operation share it. A rebalance of a
 * classic group that is in progress is not durable, as in Apache Kafka: who was in it joins again.
 */
export class GroupShard {
  readonly groups = new Map<string, Group>()
  readonly committed = new OffsetStore()
  readonly membership: GroupMembership
  readonly offsets: GroupOffsets

  constructor(context: ShardContext) {
    this.membership = new GroupMembership(context, this.groups)
    this.offsets = new GroupOffsets(
      context,
      { groups: this.groups, offsets: this.committed, isPending: () => false },
      (group, memberId) => this.membership.touch(group, memberId),
    )
  }

  replay(record: GroupRecord): void {
    if (record.kind === 'offset') this.#replayOffset(record)
    else this.#replayGroup(record)
  }

  /** After the last record of a recovery: members that were there are expected back. */
  recovered(): void {
    for (const group of this.groups.values()) if (group instanceof ClassicGroup) this.membership.watchRecovered(group)
  }

  /** The fewest records whose replay yields what is durable now. */
  *snapshot(): Generator<GroupRecord> {
    for (const group of this.groups.values()) yield* group.snapshot()
    yield* this.committed.snapshot()
  }

  #replayOffset({ key, value }: Extract<GroupRecord, { kind: 'offset' }>): void {
    if (!value) {
      this.committed.delete(key)
      return
    }
    // Offsets of a group that nobody has joined make a simple group: one that is known by its offsets only.
    if (!this.groups.has(key.group)) this.groups.set(key.group, new ClassicGroup(key.group))
    this.committed.set(key, value)
  }

  #replayGroup({ group: id, value }: Extract<GroupRecord, { kind: 'group' }>): void {
    if (value) this.#classicGroup(id).adopt(value)
    else this.groups.delete(id)
  }

  #classicGroup(id: string): ClassicGroup {
    let group = this.groups.get(id)
    if (!group) this.groups.set(id, (group = new ClassicGroup(id)))
    assert(group instanceof ClassicGroup, `group '${id}' is not a classic one`)
    return group
  }
}
