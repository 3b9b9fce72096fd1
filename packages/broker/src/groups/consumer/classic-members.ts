import { ProtocolError } from '@millrace/kafka'
import { randomUuid, uuidToString } from '@millrace/std'
import { consumerProtocolType } from '../classic-group.ts'
import type { Group } from '../group.ts'
import type { GroupRecord } from '../group-records.ts'
import type {
  GroupError,
  JoinRequest,
  JoinResponse,
  LeaveRequest,
  LeaveResponse,
  MemberRequest,
  Protocol,
  Reply,
  SyncRequest,
  SyncResponse,
} from '../protocol.ts'
import { Refused } from '../refused.ts'
import { noRecords, type ShardContext } from '../shard-context.ts'
import type { ClassicConversion } from './classic-conversion.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { type ClassicMetadata, type ConsumerMember, memberStates } from './consumer-member.ts'
import type { ConsumerMembership } from './consumer-membership.ts'
import { decodeSubscription, encodeAssignment, type Subscription } from './consumer-protocol.ts'
import { GroupChange } from './group-change.ts'
import { findDynamicMember, findStaticMember, requireOwnInstance, requireRoom } from './member-lookup.ts'

/**
 * Members of a consumer group that speak the classic protocol (KIP-848, online migration): a join is their heartbeat with news, a
 * sync brings what they are to have now, and REBALANCE_IN_PROGRESS makes them join again. Throws {@link Refused}.
 */
export class ClassicMembers {
  readonly #context: ShardContext
  readonly #groups: ReadonlyMap<string, Group>
  readonly #consumers: ConsumerMembership
  readonly #conversion: ClassicConversion

  constructor(
    context: ShardContext,
    groups: ReadonlyMap<string, Group>,
    consumers: ConsumerMembership,
    conversion: ClassicConversion,
  ) {
    this.#context = context
    this.#groups = groups
    this.#consumers = consumers
    this.#conversion = conversion
  }

  join(group: ConsumerGroup, request: JoinRequest, reply: Reply<JoinResponse>): readonly GroupRecord[] {
    const { settings, random } = this.#context
    const { groupInstanceId: instanceId } = request
    if (settings.consumer.migrationPolicy === 'disabled') {
      throw new Refused(
        'INCONSISTENT_GROUP_PROTOCOL',
        `Cannot join the consumer group ${group.id} with the classic protocol because the group migration is disabled.`,
      )
    }
    const isUnknown = request.memberId === ''
    const memberId = request.memberId || uuidToString(randomUuid(random))
    requireRoom(group, memberId, settings.consumer.maxSize)
    requireCommonProtocol(group, request, memberId)
    if (isUnknown && instanceId === null && request.requiresMemberId) {
      reply(joinAnswer({ error: 'MEMBER_ID_REQUIRED', memberId }))
      return noRecords
    }
    const subscription = this.#subscriptionIn(request)
    const records: GroupRecord[] = []
    const asked = { group, memberId, memberEpoch: -1, owned: null, speaksClassic: true }
    const member =
      instanceId === null
        ? findDynamicMember({ ...asked, isJoining: true })
        : findStaticMember({ ...asked, isJoining: isUnknown }, instanceId, records)
    const replaced = group.staticMember(instanceId)
    const downgrades = replaced !== undefined && this.#conversion.mayDowngradeReplacing(group, replaced)
    let updated = describe(member, request, subscription)
    const change = new GroupChange(this.#context, group, member, records)
    const namesChanged = change.describeMember(updated)
    const regexChanged = this.#consumers.regexes.update(group, member, updated, records) !== 'same'
    const hasSubscriptionChanged = namesChanged || regexChanged
    if (hasSubscriptionChanged || group.hasMetadataExpired(this.#context.clock.now())) {
      change.updateEpoch(updated, { hasSubscriptionChanged })
    }
    const options = { hasSubscriptionChanged, reported: subscription.owned }
    if (downgrades) {
      // With a stale target everyone joins again anyway.
      const rebalance = group.target.epoch < change.epoch
      if (!rebalance) updated = change.reconcile(updated, change.presentTarget(updated), options)
      this.#context.defer(() => {
        this.#consumers.timers.cancelAll(group)
        return noRecords
      })
      records.push(...this.#conversion.downgrade(group, { joining: updated, rebalance }))
    } else {
      updated = change.reconcile(updated, change.updateTarget(updated), options)
      this.#watchJoined(group.id, updated, request)
    }
    const { name } = firstProtocol(updated)
    reply(joinAnswer({ memberId: updated.memberId, generationId: updated.memberEpoch, protocolName: name }))
    return records
  }

  sync(group: ConsumerGroup, request: SyncRequest, reply: Reply<SyncResponse>): readonly GroupRecord[] {
    const member = this.#find(group, request)
    const { name } = firstProtocol(member)
    if (request.protocolType !== null && request.protocolType !== consumerProtocolType) {
      throw new Refused(
        'INCONSISTENT_GROUP_PROTOCOL',
        `The protocol type ${request.protocolType} is not that of the group.`,
      )
    }
    if (request.protocolName !== null && request.protocolName !== name) {
      throw new Refused(
        'INCONSISTENT_GROUP_PROTOCOL',
        `The protocol name ${request.protocolName} is not that of the join.`,
      )
    }
    if (group.target.epoch > member.memberEpoch && member.state !== memberStates.unrevokedPartitions) {
      this.#expectJoin(group, member)
      throw new Refused(
        'REBALANCE_IN_PROGRESS',
        `A new rebalance is triggered in group ${group.id} and member ${member.memberId} should rejoin to catch up.`,
      )
    }
    const assignment = encodeAssignment(member.assigned, firstProtocol(member), this.#context.topics)
    this.#consumers.timers.of(group).sync.cancel(member.memberId)
    this.#watchSession(group, member)
    reply({ error: 'NONE', protocolType: request.protocolType, protocolName: request.protocolName, assignment })
    return noRecords
  }

  heartbeat(group: ConsumerGroup, request: MemberRequest): GroupError {
    const member = this.#find(group, request)
    this.#watchSession(group, member)
    const hasToJoin =
      member.memberEpoch < group.target.epoch ||
      member.state === memberStates.unrevokedPartitions ||
      (member.state === memberStates.unreleasedPartitions && !isWaiting(group, member))
    if (!hasToJoin) return 'NONE'
    this.#expectJoin(group, member)
    return 'REBALANCE_IN_PROGRESS'
  }

  leave(group: ConsumerGroup, request: LeaveRequest, reply: Reply<LeaveResponse>): readonly GroupRecord[] {
    const leaving = new Set<ConsumerMember>()
    const members = request.members.map(({ memberId, groupInstanceId }) => {
      const found = findLeaving(group, memberId, groupInstanceId)
      if (typeof found !== 'string') leaving.add(found)
      return { memberId, groupInstanceId, error: typeof found === 'string' ? found : ('NONE' as const) }
    })
    reply({ members })
    return this.#consumers.remove(group, [...leaving])
  }

  #find(group: ConsumerGroup, { memberId, groupInstanceId, generationId }: MemberRequest): ConsumerMember {
    const asked = { group, memberId, memberEpoch: -1, owned: null, isJoining: false, speaksClassic: true }
    const member = groupInstanceId === null ? findDynamicMember(asked) : findStaticMember(asked, groupInstanceId, [])
    if (!member.classic) throw new Refused('UNKNOWN_MEMBER_ID', `Member ${memberId} does not use the classic protocol.`)
    if (member.memberEpoch !== generationId) {
      throw new Refused(
        'ILLEGAL_GENERATION',
        `The request generation id ${generationId} is not equal to the member epoch ${member.memberEpoch} of member ${memberId}.`,
      )
    }
    return member
  }

  #subscriptionIn({ protocols }: JoinRequest): Subscription {
    try {
      return decodeSubscription((protocols[0] as Protocol).metadata, this.#context.topics)
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause
      throw new Refused('INCONSISTENT_GROUP_PROTOCOL', 'The subscription in the metadata of the protocol is malformed.')
    }
  }

  #watchSession(group: ConsumerGroup, { memberId, classic }: ConsumerMember): void {
    this.#consumers.watchSession(group, memberId, (classic as ClassicMetadata).sessionTimeoutMs)
  }

  /** A member that has joined is to ask for its assignment; its session begins anew. */
  #watchJoined(groupId: string, member: ConsumerMember, { rebalanceTimeoutMs }: JoinRequest): void {
    this.#context.defer(() => {
      const group = this.#groups.get(groupId) as ConsumerGroup
      const { join, sync } = this.#consumers.timers.of(group)
      join.cancel(member.memberId)
      this.#watchSession(group, member)
      sync.schedule(member.memberId, rebalanceTimeoutMs, this.#consumers.expiry(group, member.memberId))
      return noRecords
    })
  }

  /** A member that was told to join again is to do so within its rebalance timeout. */
  #expectJoin(group: ConsumerGroup, { memberId, rebalanceTimeoutMs }: ConsumerMember): void {
    const { join } = this.#consumers.timers.of(group)
    if (!join.has(memberId)) join.schedule(memberId, rebalanceTimeoutMs, this.#consumers.expiry(group, memberId))
  }
}

export function joinAnswer(answer: Partial<JoinResponse> & { memberId: string }): JoinResponse {
  return {
    error: 'NONE',
    generationId: -1,
    protocolType: answer.protocolName === undefined ? null : consumerProtocolType,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    members: [],
    ...answer,
  }
}

function describe(member: ConsumerMember, request: JoinRequest, subscription: Subscription): ConsumerMember {
  return {
    ...member,
    instanceId: request.groupInstanceId ?? member.instanceId,
    rackId: subscription.rackId ?? member.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    clientId: request.clientId,
    clientHost: request.clientHost,
    subscribedTopicNames: subscription.topics,
    // The classic protocol has no regular expressions of the server's.
    subscribedTopicRegex: '',
    classic: { sessionTimeoutMs: request.sessionTimeoutMs, protocols: request.protocols },
  }
}

/** Members of the classic protocol have to have a protocol in common, as they have in a classic group. */
function requireCommonProtocol(group: ConsumerGroup, { protocolType, protocols }: JoinRequest, memberId: string): void {
  const others = [...group.members.values()].flatMap(({ classic }) => classic ?? [])
  const isCommon = protocols.some(({ name }) =>
    others.every((other) => other.protocols.some((own) => own.name === name)),
  )
  if (protocolType === consumerProtocolType && isCommon) return
  throw new Refused('INCONSISTENT_GROUP_PROTOCOL', `Member ${memberId}'s protocols are not supported.`)
}

function firstProtocol({ classic }: ConsumerMember): Protocol {
  return (classic as ClassicMetadata).protocols[0] as Protocol
}

/** Whether others still have something that the member is to have. */
function isWaiting(group: ConsumerGroup, member: ConsumerMember): boolean {
  for (const [topic, partitions] of group.targetOf(member.memberId)) {
    const assigned = member.assigned.get(topic)
    const isHeldBack = (partition: number) =>
      !assigned?.has(partition) && group.owners.get(topic, partition) !== undefined
    if (partitions.some(isHeldBack)) return true
  }
  return false
}

function findLeaving(group: ConsumerGroup, memberId: string, instanceId: string | null): ConsumerMember | GroupError {
  const member = instanceId === null ? group.members.get(memberId) : group.staticMember(instanceId)
  if (!member) return 'UNKNOWN_MEMBER_ID'
  try {
    // An administrator names only the instance.
    if (instanceId !== null && memberId !== '') requireOwnInstance(member, memberId, instanceId)
    return member
  } catch (cause) {
    if (cause instanceof Refused) return cause.error
    throw cause
  }
}
