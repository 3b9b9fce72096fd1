import { randomUuid, uuidToString } from '@millrace/std'
import type { Group } from '../group.ts'
import type { GroupRecord } from '../group-records.ts'
import { orRefused, type Refusal, Refused } from '../refused.ts'
import { type Command, noRecords, type ShardContext } from '../shard-context.ts'
import type { ClassicConversion } from './classic-conversion.ts'
import { ConsumerGroup } from './consumer-group.ts'
import {
  assignmentOf,
  type ConsumerMember,
  leaveEpoch,
  leaveStaticEpoch,
  memberStates,
  nothingOwned,
  type OwnedPartitions,
  sameOwned,
} from './consumer-member.ts'
import { assignmentRecord } from './consumer-records.ts'
import { fenceMembers } from './fencing.ts'
import { GroupChange } from './group-change.ts'
import { findDynamicMember, findStaticMember, requireRoom } from './member-lookup.ts'
import { GroupTimers } from './member-timers.ts'
import type { ConsumerHeartbeat, ConsumerHeartbeatAnswer } from './protocol.ts'
import { RegexSubscriptions } from './regex-subscriptions.ts'

interface Outcome<T = ConsumerHeartbeatAnswer> {
  readonly records: readonly GroupRecord[]
  readonly response: T
}

/**
 * The commands of KIP-848's members: all they say comes by heartbeat. A command works out the change on the group as it is, and
 * the group becomes what the records say.
 */
export class ConsumerMembership {
  readonly timers: GroupTimers
  readonly regexes: RegexSubscriptions
  readonly #context: ShardContext
  readonly #groups: ReadonlyMap<string, Group>
  readonly #conversion: ClassicConversion

  constructor(context: ShardContext, groups: ReadonlyMap<string, Group>, conversion: ClassicConversion) {
    this.#context = context
    this.#groups = groups
    this.#conversion = conversion
    this.timers = new GroupTimers(context)
    this.regexes = new RegexSubscriptions(context, groups)
  }

  heartbeat(request: ConsumerHeartbeat): Outcome<ConsumerHeartbeatAnswer | Refusal> {
    const isLeaving = request.memberEpoch === leaveEpoch || request.memberEpoch === leaveStaticEpoch
    return orRefused<Outcome<ConsumerHeartbeatAnswer | Refusal>>(
      this.#context,
      () => (isLeaving ? this.#leave(request) : this.#stay(request)),
      (error, message) => ({ records: noRecords, response: { error, message } }),
    )
  }

  /** After recovery: members have a whole session to be heard of, and a whole rebalance timeout. */
  watchRecovered(group: ConsumerGroup): void {
    for (const member of group.members.values()) {
      this.watchSession(group, member.memberId)
      if (member.state === memberStates.unrevokedPartitions) this.#watchRevocation(group, member)
    }
  }

  /** Starts a member's session anew; `sessionTimeoutMs` is its own when it speaks the classic protocol. */
  watchSession(
    group: ConsumerGroup,
    memberId: string,
    sessionTimeoutMs = this.#timing(group.id).sessionTimeoutMs,
  ): void {
    this.timers.touch(group, memberId, sessionTimeoutMs, this.expiry(group, memberId))
  }

  /** The command that removes a member which was waited for in vain. */
  expiry(group: ConsumerGroup, memberId: string): Command {
    return () => {
      const member = group.members.get(memberId)
      if (!member || this.#groups.get(group.id) !== group) return noRecords
      return this.remove(group, [member])
    }
  }

  /** Members leave, or are given up. When only members of the classic protocol are left, the group becomes a classic one. */
  remove(group: ConsumerGroup, members: readonly ConsumerMember[]): readonly GroupRecord[] {
    if (members.length === 0) return noRecords
    if (this.#conversion.mayDowngradeWithout(group, members)) {
      this.#context.defer(() => {
        this.timers.cancelAll(group)
        return noRecords
      })
      return this.#conversion.downgrade(group, { leaving: members, rebalance: true })
    }
    this.#context.defer(() => {
      for (const { memberId } of members) this.timers.cancel(group, memberId)
      return noRecords
    })
    return fenceMembers(group, members, this.#context.topics)
  }

  #stay(request: ConsumerHeartbeat): Outcome {
    const { groupId, memberEpoch, owned } = request
    const records: GroupRecord[] = []
    const group = this.#groupFor(request, records)
    requireRoom(group, request.memberId, this.#context.settings.consumer.maxSize)
    const memberId = request.memberId || uuidToString(randomUuid(this.#context.random))
    const isJoining = memberEpoch === 0
    const asked = { group, memberId, memberEpoch, owned, isJoining, speaksClassic: false }
    const member =
      request.instanceId === null ? findDynamicMember(asked) : findStaticMember(asked, request.instanceId, records)
    let updated = describe(member, request)
    const change = new GroupChange(this.#context, group, member, records)
    const namesChanged = change.describeMember(updated)
    const regexChange = this.regexes.update(group, member, updated, records)
    const bumps = namesChanged || regexChange === 'resolved'
    if (bumps || group.hasMetadataExpired(this.#context.clock.now())) {
      change.updateEpoch(updated, { hasSubscriptionChanged: bumps })
    }
    const target = change.updateTarget(updated)
    const described = updated
    const hasSubscriptionChanged = namesChanged || regexChange !== 'same'
    updated = change.reconcile(updated, target, { hasSubscriptionChanged, reported: owned })
    this.#watch(groupId, updated, updated !== described)
    const isFull =
      request.rebalanceTimeoutMs !== -1 &&
      (request.subscribedTopicNames !== null || request.subscribedTopicRegex !== null) &&
      owned !== null
    const tellsAssignment = isJoining || isFull || !sameOwned(member.assigned, updated.assigned)
    return { records, response: this.#answer(groupId, updated, tellsAssignment ? updated.assigned : null) }
  }

  #answer(groupId: string, member: ConsumerMember, assignment: OwnedPartitions | null): ConsumerHeartbeatAnswer {
    const { heartbeatIntervalMs } = this.#timing(groupId)
    return { memberId: member.memberId, memberEpoch: member.memberEpoch, heartbeatIntervalMs, assignment }
  }

  #leave({ groupId, memberId, memberEpoch, instanceId }: ConsumerHeartbeat): Outcome {
    const group = this.#groups.get(groupId)
    if (!group) throw new Refused('GROUP_ID_NOT_FOUND', `Group ${groupId} not found.`)
    if (!(group instanceof ConsumerGroup)) {
      throw new Refused('GROUP_ID_NOT_FOUND', `Group ${groupId} is not a consumer group.`)
    }
    const asked = { group, memberId, memberEpoch: 0, owned: null, isJoining: false, speaksClassic: true }
    const member = instanceId === null ? findDynamicMember(asked) : findStaticMember(asked, instanceId, [])
    const response = { memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null }
    if (instanceId === null || memberEpoch !== leaveStaticEpoch) {
      return { records: this.remove(group, [member]), response }
    }
    return { records: [assignmentRecord(groupId, memberId, assignmentOf(awayMember(member)))], response }
  }

  /** The group of a heartbeat. One that joins makes it, or makes a classic group one of this kind. */
  #groupFor({ groupId, memberEpoch }: ConsumerHeartbeat, records: GroupRecord[]): ConsumerGroup {
    const group = this.#groups.get(groupId)
    if (group instanceof ConsumerGroup) return group
    if (memberEpoch !== 0) {
      const reason = group ? `Group ${groupId} is not a consumer group.` : `Consumer group ${groupId} not found.`
      throw new Refused('GROUP_ID_NOT_FOUND', reason)
    }
    if (!group) return new ConsumerGroup(groupId)
    if (!group.isEmpty) return this.#upgrade(group, records)
    records.push(...group.tombstones())
    return new ConsumerGroup(groupId)
  }

  #upgrade(group: Group, records: GroupRecord[]): ConsumerGroup {
    const upgraded = this.#conversion.upgrade(group, records)
    const timeouts = Array.from(upgraded.members.values(), ({ memberId, classic }) => ({
      memberId,
      timeoutMs: classic?.sessionTimeoutMs,
    }))
    this.#context.defer(() => {
      const live = this.#groups.get(group.id) as ConsumerGroup
      for (const { memberId, timeoutMs } of timeouts) this.watchSession(live, memberId, timeoutMs)
      return noRecords
    })
    return upgraded
  }

  /** Timers of a member after a heartbeat, once its group is what the records say. */
  #watch(groupId: string, member: ConsumerMember, hasMoved: boolean): void {
    const { memberId } = member
    const group = this.#groups.get(groupId)
    // Most heartbeats change nothing: then there is nothing to wait for.
    if (!hasMoved && group instanceof ConsumerGroup && group.members.has(memberId)) {
      this.watchSession(group, memberId)
      return
    }
    this.#context.defer(() => {
      const live = this.#groups.get(groupId) as ConsumerGroup
      this.watchSession(live, memberId)
      if (!hasMoved) return noRecords
      if (member.state === memberStates.unrevokedPartitions) this.#watchRevocation(live, member)
      else this.timers.of(live).rebalance.cancel(memberId)
      return noRecords
    })
  }

  #watchRevocation(group: ConsumerGroup, { memberId, memberEpoch, rebalanceTimeoutMs }: ConsumerMember): void {
    const expire = this.expiry(group, memberId)
    this.timers
      .of(group)
      .rebalance.schedule(memberId, rebalanceTimeoutMs, () =>
        group.members.get(memberId)?.memberEpoch === memberEpoch ? expire() : noRecords,
      )
  }

  #timing(groupId: string) {
    return this.#context.settings.consumer.timingOf(groupId)
  }
}

/** The member with what a heartbeat says of it. */
function describe(member: ConsumerMember, request: ConsumerHeartbeat): ConsumerMember {
  const { subscribedTopicNames: names } = request
  return {
    ...member,
    instanceId: request.instanceId ?? member.instanceId,
    rackId: request.rackId ?? member.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    clientId: request.clientId,
    clientHost: request.clientHost,
    subscribedTopicNames: names ? [...new Set(names)].sort() : member.subscribedTopicNames,
    subscribedTopicRegex: request.subscribedTopicRegex ?? member.subscribedTopicRegex,
    serverAssignor: request.serverAssignor ?? member.serverAssignor,
    classic: null,
  }
}

/** A static member that has left to come back keeps its partitions, from no epoch in particular. */
function awayMember(member: ConsumerMember): ConsumerMember {
  const assigned = new Map(
    Array.from(member.assigned, ([topic, partitions]) => [
      topic,
      new Map(Array.from(partitions.keys(), (partition) => [partition, 0])),
    ]),
  )
  return { ...member, memberEpoch: leaveStaticEpoch, assigned, revoking: nothingOwned }
}
