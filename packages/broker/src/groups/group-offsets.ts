import type { ClassicGroup } from './classic-group.ts'
import { type GroupRecord, groupRecord, type OffsetValue, offsetRecord } from './group-records.ts'
import type { CommitRequest, GroupError } from './protocol.ts'
import { noRecords, type ShardContext } from './shard-context.ts'

/** The answer to a commit: one error per offset, in the order of the request. */
export type CommitResponse = readonly GroupError[]

/** Committed offsets: commits, deletion and expiry. */
export class GroupOffsets {
  readonly #context: ShardContext
  readonly #groups: Map<string, ClassicGroup>
  readonly #touch: (group: ClassicGroup, memberId: string) => void

  constructor(
    context: ShardContext,
    groups: Map<string, ClassicGroup>,
    touch: (group: ClassicGroup, memberId: string) => void,
  ) {
    this.#context = context
    this.#groups = groups
    this.#touch = touch
  }

  commit(request: CommitRequest): { records: readonly GroupRecord[]; response: CommitResponse } {
    const error = this.#check(request)
    if (error !== 'NONE') return { records: noRecords, response: request.offsets.map(() => error) }
    const now = this.#context.clock.now()
    const records: GroupRecord[] = []
    const response = request.offsets.map(({ topic, partition, offset, leaderEpoch, metadata }): GroupError => {
      if (Buffer.byteLength(metadata) > this.#context.settings.offsetMetadataMaxBytes)
        return 'OFFSET_METADATA_TOO_LARGE'
      const expireTimestamp = request.retentionTimeMs < 0 ? -1 : now + request.retentionTimeMs
      const value: OffsetValue = { offset, leaderEpoch, metadata, commitTimestamp: now, expireTimestamp }
      records.push(offsetRecord({ group: request.groupId, topic, partition }, value))
      return 'NONE'
    })
    return { records, response }
  }

  /** Deletes groups that nobody is in, with their offsets. */
  delete(groupId: string): { records: readonly GroupRecord[]; response: GroupError } {
    const group = this.#groups.get(groupId)
    if (!group) return { records: noRecords, response: 'GROUP_ID_NOT_FOUND' }
    if (!group.isIdle) return { records: noRecords, response: 'NON_EMPTY_GROUP' }
    const records = [...offsetTombstones(group, () => true), ...groupTombstone(group)]
    return { records, response: 'NONE' }
  }

  /** A topic is gone: offsets in it mean nothing any more. */
  forgetTopic(topic: string): readonly GroupRecord[] {
    const records: GroupRecord[] = []
    for (const group of this.#groups.values()) {
      for (const partition of group.offsets.get(topic)?.keys() ?? []) {
        records.push(offsetRecord({ group: group.id, topic, partition }, null))
      }
    }
    return records
  }

  /**
   * Offsets of groups that have been without members for the retention time, and the groups themselves when nothing is
   * left of them (KIP-211).
   */
  expire(): readonly GroupRecord[] {
    const now = this.#context.clock.now()
    const records: GroupRecord[] = []
    for (const group of this.#groups.values()) {
      if (!group.isIdle) continue
      const tombstones = [...offsetTombstones(group, (value) => this.#isExpired(group, value, now))]
      records.push(...tombstones)
      if (tombstones.length < countOffsets(group)) continue
      if (group.durable) records.push(...groupTombstone(group))
      else if (group.offsets.size === 0) this.#groups.delete(group.id)
    }
    return records
  }

  #isExpired(group: ClassicGroup, value: OffsetValue, now: number): boolean {
    if (value.expireTimestamp >= 0) return now >= value.expireTimestamp
    const emptySince = group.durable?.stateTimestamp ?? 0
    return now - Math.max(value.commitTimestamp, emptySince) >= this.#context.settings.offsetsRetentionMs
  }

  /** Who may commit: members of the current generation, and anyone while the group has no members (a "simple" consumer). */
  #check(request: CommitRequest): GroupError {
    const group = this.#groups.get(request.groupId)
    const isAnonymous = request.generationId < 0 && request.memberId === '' && request.groupInstanceId === null
    if (!group) return request.generationId < 0 ? 'NONE' : 'ILLEGAL_GENERATION'
    if (isAnonymous) return group.isIdle || group.members.size === 0 ? 'NONE' : 'UNKNOWN_MEMBER_ID'
    if (request.generationId < 0 && group.state === 'Empty') return 'NONE'
    const member = group.checkMember(request)
    if (typeof member === 'string') return member
    if (request.generationId !== group.generation) return 'ILLEGAL_GENERATION'
    // It knows the generation but not yet its assignment: it must not commit what it may not own.
    if (group.state === 'CompletingRebalance') return 'REBALANCE_IN_PROGRESS'
    this.#touch(group, member.memberId)
    return 'NONE'
  }
}

function* offsetTombstones(group: ClassicGroup, wanted: (value: OffsetValue) => boolean): Generator<GroupRecord> {
  for (const [topic, partitions] of group.offsets) {
    for (const [partition, value] of partitions) {
      if (wanted(value)) yield offsetRecord({ group: group.id, topic, partition }, null)
    }
  }
}

function groupTombstone(group: ClassicGroup): readonly GroupRecord[] {
  return [groupRecord(group.id, null)]
}

function countOffsets(group: ClassicGroup): number {
  let count = 0
  for (const partitions of group.offsets.values()) count += partitions.size
  return count
}
