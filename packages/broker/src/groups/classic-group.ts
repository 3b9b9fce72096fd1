import { assert, type TimerHandle } from '@millrace/std'
import type { Deadline } from './deadline.ts'
import type { Group } from './group.ts'
import { type GroupRecord, type GroupValue, groupRecord, type OffsetValue } from './group-records.ts'
import type {
  CommitRequest,
  GroupError,
  JoinResponse,
  MemberRequest,
  Protocol,
  Reply,
  SyncResponse,
} from './protocol.ts'
import { subscribedTopics } from './subscribed-topics.ts'

/**
 * The states of a classic group and where they lead. Empty and Stable are durable; a rebalance in progress is not: after
 * a restart its members find their last completed generation and join again.
 */
export const groupTransitions = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['CompletingRebalance', 'Empty'],
  CompletingRebalance: ['Stable', 'PreparingRebalance'],
  Stable: ['PreparingRebalance'],
} as const satisfies Record<string, readonly string[]>

export type GroupState = keyof typeof groupTransitions

export interface Member {
  readonly memberId: string
  readonly groupInstanceId: string | null
  clientId: string
  clientHost: string
  rebalanceTimeoutMs: number
  sessionTimeoutMs: number
  /** What it can do, most liked first. */
  protocols: readonly Protocol[]
  assignment: Uint8Array
  awaitingJoin: Reply<JoinResponse> | undefined
  awaitingSync: Reply<SyncResponse> | undefined
  /** Not yet part of a generation. */
  isNew: boolean
  /** Until when it has to be heard of. */
  session: Deadline | undefined
}

const noBytes = new Uint8Array(0)

/** The protocol type of groups of consumers; others are Kafka Connect's workers, schema registries and the like. */
export const consumerProtocolType = 'consumer'

/** A group as it lives: what was made durable last, and the rebalance in progress. It decides nothing itself. */
export class ClassicGroup implements Group {
  readonly id: string
  readonly type = 'classic'
  state: GroupState = 'Empty'
  generation = 0
  protocolType: string | null = null
  protocol: string | null = null
  leader: string | null = null
  readonly members = new Map<string, Member>()
  /** Member ids of static members by their instance id. */
  readonly staticMembers = new Map<string, string>()
  /** Ids that were given out and have not joined yet, with the timers that forget them. */
  readonly pendingMembers = new Map<string, TimerHandle>()
  /** Members of the generation being completed that have not asked for their assignment. */
  readonly pendingSync = new Set<string>()
  joinTimer: TimerHandle | undefined
  syncTimer: TimerHandle | undefined
  /** The first rebalance of an empty group ends by its timer only, so that more members can come. */
  waitsForMore = false
  newMemberAdded = false
  /** The last group record; null when there is none. */
  durable: GroupValue | null = null
  /** What its members read, when they are consumers and say it in a way that is understood. */
  #subscribedTopics: ReadonlySet<string> | undefined

  constructor(id: string) {
    this.id = id
  }

  get isEmpty(): boolean {
    return this.state === 'Empty'
  }

  /** Made by a commit of offsets only: nobody has ever joined, and nothing but the offsets is durable. */
  get isSimple(): boolean {
    return this.protocolType === null && this.isEmpty && this.pendingMembers.size === 0
  }

  get isOfConsumers(): boolean {
    return this.protocolType === consumerProtocolType
  }

  /** How long members have to join again: as long as the slowest asks for. */
  get rebalanceTimeoutMs(): number {
    let timeout = 0
    for (const member of this.members.values()) timeout = Math.max(timeout, member.rebalanceTimeoutMs)
    return timeout
  }

  get hasAllMembersJoined(): boolean {
    if (this.pendingMembers.size > 0) return false
    for (const member of this.members.values()) if (!member.awaitingJoin) return false
    return true
  }

  /** Who may commit: members of the current generation, and anyone while the group has no members. */
  checkCommit(request: CommitRequest): GroupError {
    const { generationId, memberId, groupInstanceId, isTransactional } = request
    if (generationId < 0 && this.isEmpty) return 'NONE'
    if (generationId >= 0 || memberId !== '' || groupInstanceId !== null) {
      const member = this.checkMember(request)
      if (typeof member === 'string') return member
      if (generationId !== this.generation) return 'ILLEGAL_GENERATION'
    } else if (!isTransactional && !this.isEmpty) return 'UNKNOWN_MEMBER_ID'
    // It knows the generation but not yet its assignment: it must not commit what it may not own.
    return !isTransactional && this.state === 'CompletingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE'
  }

  checkOffsetFetch(): GroupError {
    return 'NONE'
  }

  checkOffsetDelete(): GroupError {
    return this.isEmpty || this.isOfConsumers ? 'NONE' : 'NON_EMPTY_GROUP'
  }

  isSubscribedTo(topic: string): boolean {
    return this.#subscribedTopics?.has(topic) ?? this.isOfConsumers
  }

  /** KIP-211: since it became empty; of a simple group, and of one of consumers that lives, since the commit. */
  retentionStart({ commitTimestamp }: OffsetValue): number | undefined {
    if (this.protocolType === null) return commitTimestamp
    if (this.isEmpty) {
      const since = this.durable?.stateTimestamp ?? -1
      return since < 0 ? commitTimestamp : since
    }
    return this.isOfConsumers && this.#subscribedTopics && this.state === 'Stable' ? commitTimestamp : undefined
  }

  tombstones(): readonly GroupRecord[] {
    return [groupRecord(this.id, null)]
  }

  *snapshot(): Generator<GroupRecord> {
    if (this.durable) yield groupRecord(this.id, this.durable)
  }

  /** To be called when the protocol or the members that go into a generation are known. */
  learnSubscriptions(): void {
    this.#subscribedTopics = this.isOfConsumers ? this.#readSubscriptions() : undefined
  }

  #readSubscriptions(): ReadonlySet<string> | undefined {
    if (this.members.size === 0) return new Set()
    const { protocol } = this
    if (protocol === null) return undefined
    return subscribedTopics(Array.from(this.members.values(), (member) => metadataOf(member, protocol) ?? noBytes))
  }

  enter(state: GroupState): void {
    const next: readonly GroupState[] = groupTransitions[this.state]
    assert(next.includes(state), `group '${this.id}' went from ${this.state} to ${state}`)
    this.state = state
  }

  add(member: Member): void {
    this.leader ??= member.memberId
    this.members.set(member.memberId, member)
    if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, member.memberId)
  }

  remove(member: Member): void {
    this.members.delete(member.memberId)
    this.pendingSync.delete(member.memberId)
    if (member.groupInstanceId !== null && this.staticMembers.get(member.groupInstanceId) === member.memberId) {
      this.staticMembers.delete(member.groupInstanceId)
    }
    if (this.leader === member.memberId) this.leader = this.members.keys().next().value ?? null
  }

  /** When the leader has not joined again, the first member that has becomes leader. False when nobody has joined. */
  electJoinedLeader(): boolean {
    const leader = this.leader === null ? undefined : this.members.get(this.leader)
    if (leader?.awaitingJoin) return true
    for (const member of this.members.values()) {
      if (member.awaitingJoin) {
        this.leader = member.memberId
        return true
      }
    }
    return false
  }

  /**
   * Whether a member can join. While members gather, those count that have joined: the last of a group that has become too large
   * are turned away.
   */
  hasRoomFor(memberId: string, maxSize: number): boolean {
    if (this.state === 'Empty') return true
    const member = this.members.get(memberId)
    if (this.state !== 'PreparingRebalance') return member !== undefined || this.members.size < maxSize
    if (member?.awaitingJoin) return true
    let joined = 0
    for (const { awaitingJoin } of this.members.values()) if (awaitingJoin) joined++
    return joined < maxSize
  }

  /** Whether a member with these protocols can be in the group with the others. */
  accepts(protocolType: string, protocols: readonly Protocol[], memberId: string): boolean {
    if (protocolType === '' || protocols.length === 0) return false
    const others = [...this.members.values()].filter((member) => member.memberId !== memberId)
    if (others.length === 0) return true
    if (this.protocolType !== protocolType) return false
    return protocols.some(({ name }) => others.every((member) => metadataOf(member, name) !== undefined))
  }

  /** The protocol that all members support and most like best; with a tie, the one voted for first. */
  chooseProtocol(): string | null {
    const all = [...this.members.values()]
    const votes = new Map<string, number>()
    for (const member of all) {
      const vote = member.protocols.find(({ name }) => all.every((other) => metadataOf(other, name) !== undefined))
      if (vote) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1)
    }
    let chosen: string | null = null
    for (const [name, count] of votes) if (chosen === null || count > (votes.get(chosen) ?? 0)) chosen = name
    return chosen
  }

  membersMetadata(): JoinResponse['members'] {
    const name = this.protocol as string
    return [...this.members.values()].map(({ memberId, groupInstanceId, protocols }) => ({
      memberId,
      groupInstanceId,
      metadata: protocols.find((protocol) => protocol.name === name)?.metadata ?? noBytes,
    }))
  }

  /** Checks who calls (KIP-345 for the fenced). */
  checkMember({ memberId, groupInstanceId }: Pick<MemberRequest, 'memberId' | 'groupInstanceId'>): Member | GroupError {
    if (groupInstanceId !== null) {
      const current = this.staticMembers.get(groupInstanceId)
      if (current === undefined) return 'UNKNOWN_MEMBER_ID'
      if (current !== memberId) return 'FENCED_INSTANCE_ID'
    }
    return this.members.get(memberId) ?? 'UNKNOWN_MEMBER_ID'
  }

  /** As it would be after the generation is completed with these assignments. */
  toValue(stateTimestamp: number, assignmentOf: (member: Member) => Uint8Array): GroupValue {
    const protocol = this.members.size === 0 ? null : this.protocol
    return {
      protocolType: this.protocolType ?? '',
      generation: this.generation,
      protocol,
      leader: this.leader,
      stateTimestamp,
      members: [...this.members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        sessionTimeoutMs: member.sessionTimeoutMs,
        subscription: (protocol !== null && metadataOf(member, protocol)) || noBytes,
        assignment: assignmentOf(member),
      })),
    }
  }

  /** Becomes what a group record says: the end of a generation's rebalance when live, all there is when recovered. */
  adopt(value: GroupValue): void {
    this.durable = value
    // The first record of a group says only that there is one: by then its first rebalance may be under way.
    if (isBirth(value)) return
    this.generation = value.generation
    this.protocolType = value.protocolType === '' ? null : value.protocolType
    this.protocol = value.protocol
    this.leader = value.leader
    for (const { memberId } of this.members.values()) {
      if (!value.members.some((member) => member.memberId === memberId)) this.members.delete(memberId)
    }
    for (const stored of value.members) {
      const member = this.members.get(stored.memberId)
      if (member) member.assignment = stored.assignment
      else this.add(recoveredMember(stored, value.protocol as string))
    }
    this.learnSubscriptions()
    const state = value.members.length === 0 ? 'Empty' : 'Stable'
    if (this.state === 'PreparingRebalance' || this.state === 'CompletingRebalance') this.enter(state)
    else this.state = state
  }
}

/** What is written when a group comes into being, before it has a generation. */
export function birthOf(nowMs: number): GroupValue {
  return { protocolType: '', generation: 0, protocol: null, leader: null, stateTimestamp: nowMs, members: [] }
}

function isBirth({ protocolType, generation, members }: GroupValue): boolean {
  return protocolType === '' && generation === 0 && members.length === 0
}

export function metadataOf(member: Pick<Member, 'protocols'>, name: string): Uint8Array | undefined {
  return member.protocols.find((protocol) => protocol.name === name)?.metadata
}

function recoveredMember(stored: GroupValue['members'][number], protocol: string): Member {
  const { subscription, ...rest } = stored
  return {
    ...rest,
    protocols: [{ name: protocol, metadata: subscription }],
    awaitingJoin: undefined,
    awaitingSync: undefined,
    isNew: false,
    session: undefined,
  }
}
