import { assert, randomUuid, uuidToString } from '@millrace/std'
import { birthOf, ClassicGroup, type Member } from './classic-group.ts'
import type { Group } from './group.ts'
import { type GroupRecord, groupRecord } from './group-records.ts'
import type {
  GroupError,
  JoinRequest,
  JoinResponse,
  LeaveRequest,
  LeaveResponse,
  MemberRequest,
  Reply,
  SyncRequest,
  SyncResponse,
} from './protocol.ts'
import { type ClassicMembers } from './consumer/classic-members.ts'
import { ConsumerGroup } from './consumer/consumer-group.ts'
import { orRefused } from './refused.ts'
import { hasSameProtocols, joined, joinFailed, Rebalancer, syncFailed, synced } from './rebalance.ts'
import { noRecords, type ShardContext } from './shard-context.ts'

/**
 * The commands of the classic group protocol: join, sync, heartbeat, leave (KIP-345 static members, KIP-394 required
 * member ids, KIP-559 protocol type and name, KIP-814 static leaders).
 */
export class GroupMembership {
  readonly #context: ShardContext
  readonly #groups: Map<string, Group>
  readonly #rebalancer: Rebalancer
  /** Serves members of groups that speak the other protocol. */
  readonly #consumerGroups: ClassicMembers

  constructor(
    context: ShardContext,
    groups: Map<string, Group>,
    rebalancer: Rebalancer,
    consumerGroups: ClassicMembers,
  ) {
    this.#context = context
    this.#groups = groups
    this.#rebalancer = rebalancer
    this.#consumerGroups = consumerGroups
  }

  join(request: JoinRequest, reply: Reply<JoinResponse>): readonly GroupRecord[] {
    const fail = (error: GroupError): readonly GroupRecord[] => {
      reply(joinFailed(request.memberId, error))
      return noRecords
    }
    const { settings } = this.#context
    if (request.groupId === '') return fail('INVALID_GROUP_ID')
    const timeout = request.sessionTimeoutMs
    if (timeout < settings.minSessionTimeoutMs || timeout > settings.maxSessionTimeoutMs) {
      return fail('INVALID_SESSION_TIMEOUT')
    }
    const other = this.#consumerGroup(request.groupId)
    if (other) return this.#joinConsumerGroup(other, request, reply)
    const known = this.#classic(request.groupId)
    if (!known && request.memberId !== '') return fail('UNKNOWN_MEMBER_ID')
    const group = known ?? new ClassicGroup(request.groupId)
    const ownId = request.memberId === '' ? staticMemberId(group, request) : request.memberId
    if (!group.accepts(request.protocolType, request.protocols, ownId)) return fail('INCONSISTENT_GROUP_PROTOCOL')
    if (!group.hasRoomFor(ownId, settings.maxSize)) return this.#turnAway(group, request.memberId, reply)
    if (!known) {
      // There is a group once the log has taken that there is; without room for it, nobody has joined anything.
      this.#context.defer(() => this.join(request, reply))
      return [groupRecord(group.id, birthOf(this.#context.clock.now()))]
    }
    return request.memberId === '' ? this.#joinNew(group, request, reply) : this.#joinKnown(group, request, reply, fail)
  }

  sync(request: SyncRequest, reply: Reply<SyncResponse>): readonly GroupRecord[] {
    const fail = (error: GroupError): readonly GroupRecord[] => {
      reply(syncFailed(error))
      return noRecords
    }
    const other = this.#consumerGroup(request.groupId)
    if (other) return orRefused(this.#context, () => this.#consumerGroups.sync(other, request, reply), fail)
    const found = this.#find(request)
    if (typeof found === 'string') return fail(found)
    const { group, member } = found
    if (request.generationId !== group.generation) return fail('ILLEGAL_GENERATION')
    if (
      (request.protocolType !== null && request.protocolType !== group.protocolType) ||
      (request.protocolName !== null && request.protocolName !== group.protocol)
    ) {
      return fail('INCONSISTENT_GROUP_PROTOCOL')
    }
    switch (group.state) {
      case 'Empty':
        return fail('UNKNOWN_MEMBER_ID')
      case 'PreparingRebalance':
        return fail('REBALANCE_IN_PROGRESS')
      case 'CompletingRebalance':
        this.#rebalancer.noteSync(group, member.memberId)
        member.awaitingSync?.(syncFailed('REBALANCE_IN_PROGRESS'))
        member.awaitingSync = reply
        if (member.memberId !== group.leader) return noRecords
        return this.#rebalancer.completeSync(
          group,
          new Map(request.assignments.map(({ memberId, assignment }) => [memberId, assignment])),
        )
      case 'Stable':
        this.#rebalancer.noteSync(group, member.memberId)
        this.#rebalancer.watch(group, member)
        reply(synced(group, member.assignment))
        return noRecords
    }
  }

  heartbeat(request: MemberRequest): GroupError {
    const other = this.#consumerGroup(request.groupId)
    if (other)
      return orRefused(
        this.#context,
        () => this.#consumerGroups.heartbeat(other, request),
        (error) => error,
      )
    const found = this.#find(request)
    if (typeof found === 'string') return found
    const { group, member } = found
    if (request.generationId !== group.generation) return 'ILLEGAL_GENERATION'
    if (group.state === 'Empty') return 'UNKNOWN_MEMBER_ID'
    this.#rebalancer.watch(group, member)
    return group.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE'
  }

  leave(request: LeaveRequest, reply: Reply<LeaveResponse>): readonly GroupRecord[] {
    const other = this.#consumerGroup(request.groupId)
    if (other) return this.#consumerGroups.leave(other, request, reply)
    const group = this.#classic(request.groupId)
    let changed = false
    const members = request.members.map(({ memberId, groupInstanceId }) => {
      const error = group ? this.#leaveOne(group, memberId, groupInstanceId) : 'UNKNOWN_MEMBER_ID'
      changed ||= error === 'NONE'
      return { memberId, groupInstanceId, error }
    })
    reply({ members })
    return group && changed ? this.#rebalancer.afterRemoval(group) : noRecords
  }

  /** A commit is a sign of life as well. */
  touch(group: ClassicGroup, memberId: string): void {
    const member = group.members.get(memberId)
    if (member) this.#rebalancer.watch(group, member)
  }

  /** The group is full. Who was in it and came too late to its rebalance is out. */
  #turnAway(group: ClassicGroup, memberId: string, reply: Reply<JoinResponse>): readonly GroupRecord[] {
    const member = group.members.get(memberId)
    if (member) this.#rebalancer.removeMember(group, member, 'GROUP_MAX_SIZE_REACHED')
    reply(joinFailed('', 'GROUP_MAX_SIZE_REACHED'))
    return member ? this.#rebalancer.maybeCompleteJoin(group) : noRecords
  }

  #joinConsumerGroup(group: ConsumerGroup, request: JoinRequest, reply: Reply<JoinResponse>): readonly GroupRecord[] {
    if (group.isEmpty) {
      // Nobody is in it: it makes room for a classic group.
      this.#context.defer(() => this.join(request, reply))
      return group.tombstones()
    }
    return orRefused(
      this.#context,
      () => this.#consumerGroups.join(group, request, reply),
      (error) => {
        reply(joinFailed(request.memberId, error))
        return noRecords
      },
    )
  }

  #consumerGroup(groupId: string): ConsumerGroup | undefined {
    const group = this.#groups.get(groupId)
    return group instanceof ConsumerGroup ? group : undefined
  }

  #classic(groupId: string): ClassicGroup | undefined {
    const group = this.#groups.get(groupId)
    return group instanceof ClassicGroup ? group : undefined
  }

  #find(request: MemberRequest): { group: ClassicGroup; member: Member } | GroupError {
    if (request.groupId === '') return 'INVALID_GROUP_ID'
    const group = this.#classic(request.groupId)
    if (!group) return 'UNKNOWN_MEMBER_ID'
    const member = group.checkMember(request)
    return typeof member === 'string' ? member : { group, member }
  }

  #joinNew(group: ClassicGroup, request: JoinRequest, reply: Reply<JoinResponse>): readonly GroupRecord[] {
    const prefix = request.groupInstanceId ?? request.clientId
    const memberId = `${prefix}-${uuidToString(randomUuid(this.#context.random))}`
    if (request.groupInstanceId !== null) {
      const replaced = group.staticMembers.get(request.groupInstanceId)
      if (replaced !== undefined) return this.#replaceStatic(group, replaced, memberId, request, reply)
    } else if (request.requiresMemberId) {
      this.#rebalancer.addPending(group, memberId, request.sessionTimeoutMs)
      reply(joinFailed(memberId, 'MEMBER_ID_REQUIRED'))
      return noRecords
    }
    return this.#rebalancer.addMember(group, memberId, request, reply)
  }

  #joinKnown(
    group: ClassicGroup,
    request: JoinRequest,
    reply: Reply<JoinResponse>,
    fail: (error: GroupError) => readonly GroupRecord[],
  ): readonly GroupRecord[] {
    if (request.groupInstanceId === null && this.#rebalancer.removePending(group, request.memberId)) {
      return this.#rebalancer.addMember(group, request.memberId, request, reply)
    }
    const member = group.checkMember(request)
    if (typeof member === 'string') return fail(member)
    switch (group.state) {
      case 'Empty':
        return fail('UNKNOWN_MEMBER_ID')
      case 'PreparingRebalance':
        return this.#rebalancer.updateMember(group, member, request, reply)
      case 'CompletingRebalance':
        // The answer to its first join was lost on the way: it gets the same again.
        if (!hasSameProtocols(member, request)) return this.#rebalancer.updateMember(group, member, request, reply)
        reply(joined(group, member))
        return noRecords
      case 'Stable':
        // A leader that joins again wants to assign anew, for instance because a topic has more partitions.
        if (member.memberId === group.leader || !hasSameProtocols(member, request)) {
          return this.#rebalancer.updateMember(group, member, request, reply)
        }
        this.#rebalancer.watch(group, member)
        reply(joined(group, member))
        return noRecords
    }
  }

  /** A static member is back with a new id: in a stable group it takes its old place, without a rebalance. */
  #replaceStatic(
    group: ClassicGroup,
    oldMemberId: string,
    memberId: string,
    request: JoinRequest,
    reply: Reply<JoinResponse>,
  ): readonly GroupRecord[] {
    const old = group.members.get(oldMemberId)
    assert(old, `group '${group.id}' has no member for its instance id`)
    const wasLeader = group.leader === oldMemberId
    this.#rebalancer.removeMember(group, old, 'FENCED_INSTANCE_ID')
    const member: Member = {
      ...old,
      memberId,
      clientId: request.clientId,
      clientHost: request.clientHost,
      sessionTimeoutMs: request.sessionTimeoutMs,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      protocols: request.protocols,
    }
    group.add(member)
    if (wasLeader) group.leader = memberId
    this.#rebalancer.watch(group, member)
    // What it says about itself may have changed: as in Apache Kafka, only another protocol for all is a reason to rebalance.
    if (group.state !== 'Stable' || group.chooseProtocol() !== group.protocol) {
      member.awaitingJoin = reply
      return this.#rebalancer.rebalanceOrComplete(group)
    }
    reply(
      wasLeader && request.canSkipAssignment
        ? { ...joined(group, member), skipAssignment: true }
        : // Before version 9 a leader is kept from assigning by being told that another leads.
          { ...joined(group, member), leader: wasLeader ? oldMemberId : (group.leader ?? ''), members: [] },
    )
    const value = group.toValue(this.#context.clock.now(), ({ assignment }) => assignment)
    return [groupRecord(group.id, value)]
  }

  #leaveOne(group: ClassicGroup, memberId: string, groupInstanceId: string | null): GroupError {
    if (groupInstanceId === null) {
      if (this.#rebalancer.removePending(group, memberId)) return 'NONE'
      const member = group.members.get(memberId)
      if (!member) return 'UNKNOWN_MEMBER_ID'
      this.#rebalancer.removeMember(group, member, 'UNKNOWN_MEMBER_ID')
      return 'NONE'
    }
    const current = group.staticMembers.get(groupInstanceId)
    if (current === undefined) return 'UNKNOWN_MEMBER_ID'
    // An administrator names only the instance.
    if (memberId !== '' && memberId !== current) return 'FENCED_INSTANCE_ID'
    this.#rebalancer.removeMember(group, group.members.get(current) as Member, 'UNKNOWN_MEMBER_ID')
    return 'NONE'
  }
}

/** The id under which a static member was known before it came back without one, or ''. */
function staticMemberId(group: ClassicGroup, { groupInstanceId }: JoinRequest): string {
  return (groupInstanceId !== null && group.staticMembers.get(groupInstanceId)) || ''
}
