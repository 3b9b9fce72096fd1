import type { GroupRecord, OffsetValue } from './group-records.ts'
import type { CommitRequest, GroupError } from './protocol.ts'

/** The kinds of groups, as ListGroups names them. */
export type GroupType = 'classic' | 'consumer'

/** Who reads offsets: the fields of OffsetFetch from version 9 on; anyone when there is no member id. */
export interface OffsetReader {
  readonly memberId: string | null
  readonly memberEpoch: number
}

/**
 * What a group is to the rest of the coordinator, whatever protocol its members speak. Committed offsets belong to the id of a
 * group, not to this object: a group may change its kind and keeps them.
 */
export interface Group {
  readonly id: string
  readonly type: GroupType
  /** As Kafka names it. */
  readonly state: string
  readonly protocolType: string | null
  /** Nobody is in it, or about to be. */
  readonly isEmpty: boolean
  /** Whether who asks may commit these offsets now. */
  checkCommit(request: CommitRequest): GroupError
  checkOffsetFetch(reader: OffsetReader): GroupError
  checkOffsetDelete(): GroupError
  /** Offsets of a topic that is subscribed to do not expire and cannot be deleted. */
  isSubscribedTo(topic: string): boolean
  /** Since when the retention time of an offset runs, milliseconds since the epoch; undefined while nothing expires. */
  retentionStart(offset: OffsetValue): number | undefined
  /** The records that delete it. */
  tombstones(): readonly GroupRecord[]
  /** The fewest records whose replay yields what is durable about it, its offsets left out. */
  snapshot(): Iterable<GroupRecord>
}
