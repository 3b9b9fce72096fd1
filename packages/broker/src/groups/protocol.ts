/** What the commands of the group protocol take and answer: the fields of Kafka's messages, free of versions. */

export interface Protocol {
  readonly name: string
  readonly metadata: Uint8Array
}

export interface JoinRequest {
  readonly groupId: string
  /** Empty: the member has no id yet. */
  readonly memberId: string
  /** Set by static members (KIP-345). */
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly Protocol[]
  /** A member without an id is given one and must join again with it (KIP-394, from version 4 on). */
  readonly requiresMemberId: boolean
  /** A leader can be told to leave the assignment as it is (KIP-814, from version 9 on). */
  readonly canSkipAssignment: boolean
}

export interface JoinResponse {
  readonly error: GroupError
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string
  readonly skipAssignment: boolean
  readonly memberId: string
  /** For the leader: everyone's metadata. */
  readonly members: readonly { memberId: string; groupInstanceId: string | null; metadata: Uint8Array }[]
}

/** Who calls, as every request of a member says. */
export interface MemberRequest {
  readonly groupId: string
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
}

export interface SyncRequest extends MemberRequest {
  /** Null in versions that do not carry them. */
  readonly protocolType: string | null
  readonly protocolName: string | null
  /** From the leader only. */
  readonly assignments: readonly { memberId: string; assignment: Uint8Array }[]
}

export interface SyncResponse {
  readonly error: GroupError
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignment: Uint8Array
}

export interface LeaveRequest {
  readonly groupId: string
  readonly members: readonly { memberId: string; groupInstanceId: string | null }[]
}

export interface LeaveResponse {
  readonly members: readonly { memberId: string; groupInstanceId: string | null; error: GroupError }[]
}

export interface CommitRequest extends MemberRequest {
  /** Of the OffsetCommit: up to 8 it does not know of member epochs. */
  readonly version: number
  /** By TxnOffsetCommit, which need not say who commits. */
  readonly isTransactional: boolean
  /** How long the client wants the offsets kept, milliseconds; -1: as configured. */
  readonly retentionTimeMs: number
  readonly offsets: readonly {
    topic: string
    partition: number
    offset: number
    leaderEpoch: number
    metadata: string
    /** Zeros when the client named the topic by its name only and it is not known. */
    topicId: Uint8Array
  }[]
}

/** Names of Kafka's error codes that groups answer with. */
export type GroupError =
  | 'NONE'
  | 'COORDINATOR_NOT_AVAILABLE'
  | 'UNKNOWN_MEMBER_ID'
  | 'ILLEGAL_GENERATION'
  | 'INCONSISTENT_GROUP_PROTOCOL'
  | 'INVALID_GROUP_ID'
  | 'INVALID_SESSION_TIMEOUT'
  | 'REBALANCE_IN_PROGRESS'
  | 'OFFSET_METADATA_TOO_LARGE'
  | 'NON_EMPTY_GROUP'
  | 'GROUP_ID_NOT_FOUND'
  | 'MEMBER_ID_REQUIRED'
  | 'GROUP_MAX_SIZE_REACHED'
  | 'FENCED_INSTANCE_ID'
  | 'GROUP_SUBSCRIBED_TO_TOPIC'
  | 'STALE_MEMBER_EPOCH'
  | 'UNSUPPORTED_VERSION'
  | 'FENCED_MEMBER_EPOCH'
  | 'INVALID_REGULAR_EXPRESSION'
  | 'INVALID_REQUEST'
  | 'UNRELEASED_INSTANCE_ID'
  | 'UNSUPPORTED_ASSIGNOR'

/** Hands out an answer. What it tells must be durable before the client sees it; the caller of the commands sees to that. */
export type Reply<T> = (response: T) => void
