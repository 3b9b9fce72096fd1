import { assert } from '@millrace/std'
import { ClassicGroup } from './classic-group.ts'
import { ClassicConversion } from './consumer/classic-conversion.ts'
import { ClassicMembers } from './consumer/classic-members.ts'
import { ConsumerGroup } from './consumer/consumer-group.ts'
import { ConsumerMembership } from './consumer/consumer-membership.ts'
import type { ConsumerGroupRecord } from './consumer/consumer-records.ts'
import type { Group } from './group.ts'
import { GroupOffsets } from './group-offsets.ts'
import type { JournalEntry, ProducerIdentity, TransactionMarker } from '../journal/journal.ts'
import { encodeGroupRecord } from './group-record-codec.ts'
import { type GroupRecord, isSameCommit, type OffsetKey, type OffsetValue, offsetRecord } from './group-records.ts'
import { GroupMembership } from './membership.ts'
import { OffsetStore } from './offset-store.ts'
import { type PendingOffset, PendingOffsets } from './pending-offsets.ts'
import { Rebalancer } from './rebalance.ts'
import type { ShardContext } from './shard-context.ts'

/**
 * The groups of one partition of `__consumer_offsets`, as a state machine: a command yields records, and what is durable
 * (offsets, completed generations) changes only in {@link replay}. Recovery and live operation share it. A rebalance of a
 * classic group that is in progress is not durable, as in Apache Kafka: who was in it joins again.
 */
export class GroupShard {
  readonly groups = new Map<string, Group>()
  readonly committed = new OffsetStore()
  readonly pending = new PendingOffsets()
  /** Members of the classic protocol. */
  readonly membership: GroupMembership
  /** Members of KIP-848's protocol. */
  readonly consumers: ConsumerMembership
  readonly offsets: GroupOffsets
  readonly #rebalancer: Rebalancer

  constructor(context: ShardContext) {
    const rebalancer = new Rebalancer(context)
    const conversion = new ClassicConversion(context, this.groups, rebalancer)
    this.consumers = new ConsumerMembership(context, this.groups, conversion)
    const classicMembers = new ClassicMembers(context, this.groups, this.consumers, conversion)
    this.membership = new GroupMembership(context, this.groups, rebalancer, classicMembers)
    this.#rebalancer = rebalancer
    this.offsets = new GroupOffsets(
      context,
      { groups: this.groups, offsets: this.committed, pending: this.pending },
      (group, memberId) => this.membership.touch(group, memberId),
    )
  }

  /** `transaction`: whose transaction the record is part of, if any. */
  replay(record: GroupRecord, transaction?: ProducerIdentity): void {
    if (record.kind === 'offset') this.#replayOffset(record, transaction)
    else if (record.kind === 'group') this.#replayGroup(record)
    else this.#replayConsumerGroup(record)
  }

  /** A producer's transaction has ended: its offsets count from now on, or are forgotten. */
  replayMarker({ producerId, commit }: Pick<TransactionMarker, 'producerId' | 'commit'>): void {
    for (const { key, value, order } of this.pending.end(producerId)) if (commit) this.#commit(key, value, order)
  }

  /** After the last record of a recovery: members that were there are expected back. */
  recovered(): void {
    for (const group of this.groups.values()) {
      if (group instanceof ClassicGroup) this.#rebalancer.watchRecovered(group)
      else if (group instanceof ConsumerGroup) this.consumers.watchRecovered(group)
    }
  }

  /** These topics have come, gone or grown: groups that read them look at them with their next heartbeat. */
  topicsChanged(names: readonly string[]): void {
    for (const group of this.groups.values()) {
      if (group instanceof ConsumerGroup && names.some((name) => group.isSubscribedTo(name)))
        group.requestMetadataRefresh()
    }
  }

  /** The fewest records whose replay yields what is durable now. */
  *snapshot(): Generator<GroupRecord> {
    for (const group of this.groups.values()) yield* group.snapshot()
    yield* this.committed.snapshot()
  }

  /** {@link snapshot} as it is written, with what open transactions have committed before and after what counts now. */
  *snapshotEntries(): Generator<JournalEntry> {
    for (const pending of this.pending.entries()) if (pending.isOvertaken) yield pendingEntry(pending)
    for (const record of this.snapshot()) yield encodeGroupRecord(record)
    for (const pending of this.pending.entries()) if (!pending.isOvertaken) yield pendingEntry(pending)
  }

  #replayOffset({ key, value }: Extract<GroupRecord, { kind: 'offset' }>, transaction?: ProducerIdentity): void {
    if (!value) {
      this.committed.delete(key)
      this.pending.forget(key)
      return
    }
    // Offsets of a group that nobody has joined make a simple group: one that is known by its offsets only.
    if (!this.groups.has(key.group)) this.groups.set(key.group, new ClassicGroup(key.group))
    if (transaction) return this.pending.add(key, value, transaction)
    const known = this.committed.get(key)
    if (!known || !isSameCommit(known, value)) this.#commit(key, value)
  }

  #commit(key: OffsetKey, value: OffsetValue, order?: number): void {
    if (!this.groups.has(key.group)) this.groups.set(key.group, new ClassicGroup(key.group))
    this.committed.set(key, value)
    this.pending.overtake(key, order)
  }

  #replayGroup({ group: id, value }: Extract<GroupRecord, { kind: 'group' }>): void {
    if (value) this.#classicGroup(id).adopt(value)
    else this.groups.delete(id)
  }

  #replayConsumerGroup(record: ConsumerGroupRecord): void {
    const known = this.groups.get(record.group)
    if (known instanceof ConsumerGroup) {
      if (record.kind === 'consumer-group' && !record.value) this.groups.delete(record.group)
      else known.replay(record)
      return
    }
    // What is left of a group that is gone, or of one that has become a classic one.
    if (!record.value) return
    assert(
      !known || (known instanceof ClassicGroup && known.isSimple),
      `group '${record.group}' is not a consumer group`,
    )
    const group = new ConsumerGroup(record.group)
    this.groups.set(record.group, group)
    group.replay(record)
  }

  #classicGroup(id: string): ClassicGroup {
    let group = this.groups.get(id)
    if (!group) this.groups.set(id, (group = new ClassicGroup(id)))
    assert(group instanceof ClassicGroup, `group '${id}' is not a classic one`)
    return group
  }
}

function pendingEntry({ key, value, transaction }: PendingOffset): JournalEntry {
  return { ...encodeGroupRecord(offsetRecord(key, value)), transaction }
}
