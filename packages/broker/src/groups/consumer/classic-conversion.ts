import { ProtocolError } from '@millrace/kafka'
import type { Partitions } from '../assignors/assignor.ts'
import { ClassicGroup, consumerProtocolType, type Member } from '../classic-group.ts'
import type { Group } from '../group.ts'
import { type GroupRecord, groupRecord } from '../group-records.ts'
import type { Protocol } from '../protocol.ts'
import { Refused } from '../refused.ts'
import { noRecords, type ShardContext } from '../shard-context.ts'
import { ConsumerGroup } from './consumer-group.ts'
import {
  assignmentOf,
  type ConsumerMember,
  descriptionOf,
  heldBy,
  memberStates,
  nothingOwned,
} from './consumer-member.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment } from './consumer-protocol.ts'
import {
  assignmentRecord,
  type ConsumerGroupRecord,
  consumerGroupRecord,
  memberRecord,
  memberTargetRecord,
  targetRecord,
} from './consumer-records.ts'
import { metadataHash } from './metadata-hash.ts'

/** What a conversion needs of the classic protocol. */
export interface ClassicProtocol {
  /** Who waits for the end of a rebalance is told to join again, and the group's timers are over. */
  interrupt(group: ClassicGroup): void
  stopTimers(group: ClassicGroup): void
  /** Members have a whole session to be heard of. */
  watchRecovered(group: ClassicGroup): void
  /** Everyone has to join again. */
  prepare(group: ClassicGroup): readonly GroupRecord[]
}

export interface DowngradeOptions {
  readonly leaving?: readonly ConsumerMember[]
  /** A static member that has come by the classic protocol, and takes the place of the last of the other. */
  readonly joining?: ConsumerMember
  /** The assignment is not what it should be: everyone has to join again. */
  readonly rebalance: boolean
}

/**
 * Groups change their protocol while they live (KIP-848, group.consumer.migration.policy): a classic group of consumers becomes a
 * consumer group when the first member of the new protocol joins, and becomes a classic one again when the last of them is gone.
 * Members keep their partitions, the group its offsets.
 */
export class ClassicConversion {
  readonly #context: ShardContext
  readonly #groups: ReadonlyMap<string, Group>
  readonly #classic: ClassicProtocol

  constructor(context: ShardContext, groups: ReadonlyMap<string, Group>, classic: ClassicProtocol) {
    this.#context = context
    this.#groups = groups
    this.#classic = classic
  }

  /** The group as a consumer group. Adds to `records` what makes it one. Throws Refused GROUP_ID_NOT_FOUND. */
  upgrade(group: Group, records: GroupRecord[]): ConsumerGroup {
    if (!(group instanceof ClassicGroup))
      throw new Refused('GROUP_ID_NOT_FOUND', `Group ${group.id} is not a classic group.`)
    this.#requireUpgradable(group)
    const made = this.#consumerRecords(group)
    records.push(groupRecord(group.id, null), ...made)
    const upgraded = new ConsumerGroup(group.id)
    for (const record of made) upgraded.replay(record)
    this.#context.defer(() => {
      this.#classic.interrupt(group)
      this.#classic.stopTimers(group)
      return noRecords
    })
    return upgraded
  }

  mayDowngradeWithout(group: ConsumerGroup, leaving: readonly ConsumerMember[]): boolean {
    const remaining = [...group.members.values()].filter((member) => !leaving.includes(member))
    return remaining.length > 0 && remaining.every(({ classic }) => classic) && this.#mayBeClassic(remaining.length)
  }

  mayDowngradeReplacing(group: ConsumerGroup, replaced: ConsumerMember): boolean {
    if (replaced.classic) return false
    const others = [...group.members.values()].filter((member) => member !== replaced)
    return others.every(({ classic }) => classic) && this.#mayBeClassic(group.members.size)
  }

  /** The records that make a consumer group a classic one. */
  downgrade(group: ConsumerGroup, { leaving = [], joining, rebalance }: DowngradeOptions): readonly GroupRecord[] {
    const replaced = group.staticMember(joining?.instanceId ?? null)
    const classic = new ClassicGroup(group.id)
    classic.protocolType = consumerProtocolType
    classic.generation = group.epoch
    const targets = new Map<string, Partitions>()
    for (const member of group.members.values()) {
      if (leaving.includes(member) || member === replaced) continue
      classic.add(classicMember(member))
      // Until it has joined again a member has what it had. Kafka writes down what it was to have: were the group to change once
      // more before the member hears of it, what it still has would be given to another.
      targets.set(member.memberId, rebalance ? heldBy(member) : group.targetOf(member.memberId))
    }
    if (joining && replaced) {
      classic.add(classicMember(joining))
      targets.set(joining.memberId, group.targetOf(replaced.memberId))
    }
    classic.protocol = classic.chooseProtocol()
    const value = classic.toValue(this.#context.clock.now(), (member) =>
      encodeAssignment(targets.get(member.memberId) ?? new Map(), chosenOf(member, classic), this.#context.topics),
    )
    const memberIds = Array.from(group.members.keys(), (id) =>
      id === replaced?.memberId ? (joining?.memberId ?? id) : id,
    )
    this.#context.defer(() => this.#goOnAsClassic(classic, rebalance))
    return [...group.tombstonesFor(memberIds), groupRecord(group.id, value)]
  }

  #goOnAsClassic(converted: ClassicGroup, rebalance: boolean): readonly GroupRecord[] {
    const group = this.#groups.get(converted.id)
    if (!(group instanceof ClassicGroup)) return noRecords
    // The record holds the chosen protocol only.
    for (const { memberId, protocols } of converted.members.values()) {
      const member = group.members.get(memberId)
      if (member) member.protocols = protocols
    }
    this.#classic.watchRecovered(group)
    return rebalance ? this.#classic.prepare(group) : noRecords
  }

  #mayBeClassic(size: number): boolean {
    const { consumer, maxSize } = this.#context.settings
    const { migrationPolicy } = consumer
    return (migrationPolicy === 'bidirectional' || migrationPolicy === 'downgrade') && size <= maxSize
  }

  #requireUpgradable(group: ClassicGroup): void {
    const { migrationPolicy, maxSize } = this.#context.settings.consumer
    const refuse = (reason: string) => {
      throw new Refused(
        'GROUP_ID_NOT_FOUND',
        `Cannot upgrade classic group ${group.id} to consumer group because ${reason}.`,
      )
    }
    if (migrationPolicy !== 'bidirectional' && migrationPolicy !== 'upgrade') refuse('online upgrade is disabled')
    if (!group.isOfConsumers) refuse('the group does not use the consumer embedded protocol')
    if (group.members.size > maxSize) refuse('the group size exceeds the consumer group maximum size')
  }

  #consumerRecords(group: ClassicGroup): readonly ConsumerGroupRecord[] {
    const { topics } = this.#context
    let members: { member: ConsumerMember; target: Partitions }[]
    try {
      members = Array.from(group.members.values(), (member) => this.#consumerMember(group, member))
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause
      throw new Refused(
        'GROUP_ID_NOT_FOUND',
        `Cannot upgrade classic group ${group.id} to consumer group because the embedded consumer protocol is malformed.`,
      )
    }
    requireDisjoint(group.id, members)
    const hash = metadataHash(new Set(members.flatMap(({ member }) => member.subscribedTopicNames)), topics)
    const epoch = group.generation
    return [
      ...members.map(({ member }) => memberRecord(group.id, member.memberId, descriptionOf(member))),
      consumerGroupRecord(group.id, { epoch, metadataHash: hash }),
      ...members.map(({ member, target }) => memberTargetRecord(group.id, member.memberId, target)),
      targetRecord(group.id, { epoch, timestamp: 0 }),
      ...members.map(({ member }) => assignmentRecord(group.id, member.memberId, assignmentOf(member))),
    ]
  }

  #consumerMember(group: ClassicGroup, member: Member): { member: ConsumerMember; target: Partitions } {
    const { topics } = this.#context
    const subscription = decodeSubscription(chosenOf(member, group).metadata, topics)
    const { partitions: target, hasUserData } = decodeAssignment(member.assignment, topics)
    if (hasUserData) {
      throw new Refused(
        'GROUP_ID_NOT_FOUND',
        `Cannot upgrade classic group ${group.id} to consumer group because an unsupported custom assignor is in use. Please refer to the documentation or switch to a default assignor before re-attempting the upgrade.`,
      )
    }
    const { generation } = group
    const assigned = Array.from(
      target,
      ([topic, partitions]) => [topic, new Map(partitions.map((partition) => [partition, generation]))] as const,
    )
    return {
      target,
      member: {
        memberId: member.memberId,
        memberEpoch: generation,
        previousMemberEpoch: generation,
        state: memberStates.stable,
        instanceId: member.groupInstanceId,
        rackId: subscription.rackId,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        clientId: member.clientId,
        clientHost: member.clientHost,
        subscribedTopicNames: subscription.topics,
        subscribedTopicRegex: '',
        serverAssignor: null,
        classic: { sessionTimeoutMs: member.sessionTimeoutMs, protocols: member.protocols },
        assigned: new Map(assigned),
        revoking: nothingOwned,
      },
    }
  }
}

/** The protocol of a member that its group has chosen; its first one before there was a choice. */
function chosenOf({ protocols }: Pick<Member, 'protocols'>, { protocol }: ClassicGroup): Protocol {
  return protocols.find(({ name }) => name === protocol) ?? (protocols[0] as Protocol)
}

function classicMember({
  memberId,
  instanceId,
  clientId,
  clientHost,
  rebalanceTimeoutMs,
  classic,
}: ConsumerMember): Member {
  return {
    memberId,
    groupInstanceId: instanceId,
    clientId,
    clientHost,
    rebalanceTimeoutMs,
    sessionTimeoutMs: classic?.sessionTimeoutMs ?? 0,
    protocols: classic?.protocols ?? [],
    assignment: new Uint8Array(0),
    awaitingJoin: undefined,
    awaitingSync: undefined,
    isNew: false,
    session: undefined,
  }
}

/** An assignor of the clients may give a partition to two of them; a consumer group has none that is owned twice. */
function requireDisjoint(groupId: string, members: readonly { target: Partitions }[]): void {
  const taken = new Map<string, Set<number>>()
  for (const { target } of members) {
    for (const [topic, partitions] of target) {
      let of = taken.get(topic)
      if (!of) taken.set(topic, (of = new Set()))
      for (const partition of partitions) {
        if (of.has(partition)) {
          throw new Refused(
            'GROUP_ID_NOT_FOUND',
            `Cannot upgrade classic group ${groupId} to consumer group because a partition is assigned to two members.`,
          )
        }
        of.add(partition)
      }
    }
  }
}
