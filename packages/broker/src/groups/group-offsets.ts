import { ClassicGroup } from './classic-group.ts'
import type { Group } from './group.ts'
import { type GroupRecord, type OffsetValue, offsetRecord } from './group-records.ts'
import type { OffsetStore } from './offset-store.ts'
import type { PendingOffsets } from './pending-offsets.ts'
import type { CommitRequest, GroupError } from './protocol.ts'
import { noRecords, type ShardContext } from './shard-context.ts'

/** The answer to a commit or a deletion: one error per offset, in the order of the request. */
export type OffsetErrors = readonly GroupError[]

/** What commands on offsets work with. */
export interface OffsetsState {
  readonly groups: Map<string, Group>
  readonly offsets: OffsetStore
  /** What transactions that are still open have committed. */
  readonly pending: PendingOffsets
}

interface Outcome<T> {
  readonly records: readonly GroupRecord[]
  readonly response: T
}

/** Committed offsets: commits, deletion and expiry. */
export class GroupOffsets {
  readonly #context: ShardContext
  readonly #state: OffsetsState
  readonly #touch: (group: ClassicGroup, memberId: string) => void

  constructor(context: ShardContext, state: OffsetsState, touch: (group: ClassicGroup, memberId: string) => void) {
    this.#context = context
    this.#state = state
    this.#touch = touch
  }

  commit(request: CommitRequest): Outcome<OffsetErrors> {
    const error = this.#check(request)
    if (error !== 'NONE') return { records: noRecords, response: request.offsets.map(() => error) }
    const now = this.#context.clock.now()
    const expireTimestamp = request.retentionTimeMs < 0 ? -1 : now + request.retentionTimeMs
    const records: GroupRecord[] = []
    const response = request.offsets.map(({ topic, partition, ...committed }): GroupError => {
      if (isTooLong(committed.metadata, this.#context)) return 'OFFSET_METADATA_TOO_LARGE'
      const value: OffsetValue = { ...committed, commitTimestamp: now, expireTimestamp }
      records.push(offsetRecord({ group: request.groupId, topic, partition }, value))
      return 'NONE'
    })
    return { records, response }
  }

  /** Deletes groups that nobody is in, with their offsets. */
  deleteGroup(groupId: string): Outcome<GroupError> {
    const group = this.#state.groups.get(groupId)
    if (!group) return { records: noRecords, response: 'GROUP_ID_NOT_FOUND' }
    if (!group.isEmpty) return { records: noRecords, response: 'NON_EMPTY_GROUP' }
    const { offsets, pending } = this.#state
    const pendingOnly = [...pending.keysOf(groupId)].filter((key) => !offsets.has(key))
    const records = [
      ...offsets.tombstones(groupId),
      ...pendingOnly.map((key) => offsetRecord(key, null)),
      ...group.tombstones(),
    ]
    return { records, response: 'NONE' }
  }

  /** Deletes offsets of topics that the group is not subscribed to (KIP-496). */
  deleteOffsets(
    groupId: string,
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ): Outcome<{ readonly error: GroupError; readonly errors: OffsetErrors }> {
    const { groups, offsets, pending } = this.#state
    const group = groups.get(groupId)
    const error = group ? group.checkOffsetDelete() : 'GROUP_ID_NOT_FOUND'
    if (!group || error !== 'NONE') return { records: noRecords, response: { error, errors: [] } }
    const records: GroupRecord[] = []
    const errors = partitions.map(({ topic, partition }): GroupError => {
      if (group.isSubscribedTo(topic)) return 'GROUP_SUBSCRIBED_TO_TOPIC'
      const key = { group: groupId, topic, partition }
      if (offsets.has(key) || pending.has(key)) records.push(offsetRecord(key, null))
      return 'NONE'
    })
    return { records, response: { error: 'NONE', errors } }
  }

  /** A topic is gone: offsets in it mean nothing any more. One of the same name that has come since keeps its own. */
  forgetTopic(topic: string, topicId: Uint8Array): readonly GroupRecord[] {
    const records: GroupRecord[] = []
    for (const group of this.#state.offsets.groupIds()) {
      for (const [partition, value] of this.#state.offsets.of(group).get(topic) ?? []) {
        if (mayBeOf(value, topicId)) records.push(offsetRecord({ group, topic, partition }, null))
      }
    }
    for (const key of this.#state.pending.keysIn(topic)) {
      if (!this.#state.offsets.has(key)) records.push(offsetRecord(key, null))
    }
    return records
  }

  /**
   * Offsets whose retention time is over, and groups without members when no offset is left (KIP-211). Offsets of topics that
   * are subscribed to stay, and those that an open transaction is about to replace.
   */
  expire(): readonly GroupRecord[] {
    const { groups, offsets, pending } = this.#state
    const now = this.#context.clock.now()
    const records: GroupRecord[] = []
    for (const group of groups.values()) {
      let remaining = 0
      for (const [topic, partitions] of offsets.of(group.id)) {
        const isSubscribed = group.isSubscribedTo(topic)
        for (const [partition, value] of partitions) {
          const key = { group: group.id, topic, partition }
          if (isSubscribed || !this.#isExpired(group, value, now) || pending.has(key)) remaining++
          else records.push(offsetRecord(key, null))
        }
      }
      if (remaining === 0 && group.isEmpty && !pending.hasGroup(group.id)) records.push(...group.tombstones())
    }
    return records
  }

  #isExpired(group: Group, value: OffsetValue, now: number): boolean {
    const start = group.retentionStart(value)
    if (start === undefined) return false
    if (value.expireTimestamp >= 0) return now >= value.expireTimestamp
    return now - start >= this.#context.settings.offsetsRetentionMs
  }

  #check(request: CommitRequest): GroupError {
    const group = this.#state.groups.get(request.groupId)
    if (!group) {
      if (request.generationId < 0) return 'NONE'
      return request.version >= 9 && !request.isTransactional ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION'
    }
    const error = group.checkCommit(request)
    // A commit is a sign of life in the classic protocol.
    if (error === 'NONE' && group instanceof ClassicGroup) this.#touch(group, request.memberId)
    return error
  }
}

/** Kafka counts UTF-16 units here, not bytes. */
function isTooLong(metadata: string, { settings }: ShardContext): boolean {
  return metadata.length > settings.offsetMetadataMaxBytes
}

/** Offsets without a topic id may be of any topic of the name. */
function mayBeOf({ topicId }: OffsetValue, id: Uint8Array): boolean {
  return Buffer.compare(topicId, id) === 0 || topicId.every((byte) => byte === 0)
}
