import { uuidToString } from '@millrace/std'
import type { AssignorName } from '../assignors/index.ts'
import { noPartitions, type Partitions } from '../assignors/assignor.ts'
import { filledTableSize, inJavaOrder, stringHash } from '../assignors/java-order.ts'
import { consumerProtocolType } from '../classic-group.ts'
import type { Group, OffsetReader } from '../group.ts'
import type { GroupRecord, OffsetValue } from '../group-records.ts'
import type { CommitRequest, GroupError } from '../protocol.ts'
import {
  assignmentEpoch,
  type ConsumerMember,
  assignmentOf,
  descriptionOf,
  isReconciledTo,
  leaveEpoch,
  newMember,
  nothingOwned,
} from './consumer-member.ts'
import {
  assignmentRecord,
  type ConsumerGroupRecord,
  consumerGroupRecord,
  memberRecord,
  memberTargetRecord,
  regexRecord,
  type TargetValue,
  targetRecord,
} from './consumer-records.ts'
import { PartitionEpochs } from './partition-epochs.ts'
import { Subscriptions } from './subscriptions.ts'

/** A group without a target assignment so far: epochs begin at 1. */
const noTarget: TargetValue = { epoch: 1, timestamp: 0 }
const noTargetLeft: TargetValue = { epoch: -1, timestamp: 0 }

/** What becomes of a member's assignment when its record is deleted. */
const goneMember = {
  memberEpoch: leaveEpoch,
  previousMemberEpoch: leaveEpoch,
  assigned: nothingOwned,
  revoking: nothingOwned,
}

/**
 * A group of the KIP-848 protocol. It is what its records say and changes only in {@link replay}; the commands work out what is
 * to change on immutable members and copies.
 */
export class ConsumerGroup implements Group {
  readonly id: string
  readonly type = 'consumer'
  readonly protocolType = consumerProtocolType
  /** Grows with every change of members, subscriptions and topics; the target assignment follows it. */
  epoch = 1
  metadataHash = 0n
  target = noTarget
  readonly members = new Map<string, ConsumerMember>()
  readonly targets = new Map<string, Partitions>()
  /** Member ids by instance ids. */
  readonly staticMembers = new Map<string, string>()
  readonly subscriptions = new Subscriptions()
  readonly owners = new PartitionEpochs()
  /** There is a record of a kind that Kafka does not write any more. */
  hasPartitionMetadata = false
  /** Not durable: when topics are to be looked at again; at once until the first time. */
  metadataExpiry = { atMs: 0, epoch: 0 }

  constructor(id: string) {
    this.id = id
  }

  get isEmpty(): boolean {
    return this.members.size === 0
  }

  get state(): 'Empty' | 'Assigning' | 'Reconciling' | 'Stable' {
    if (this.isEmpty) return 'Empty'
    if (this.epoch > this.target.epoch) return 'Assigning'
    for (const member of this.members.values()) if (!isReconciledTo(member, this.target.epoch)) return 'Reconciling'
    return 'Stable'
  }

  targetOf(memberId: string): Partitions {
    return this.targets.get(memberId) ?? noPartitions
  }

  staticMember(instanceId: string | null): ConsumerMember | undefined {
    const memberId = instanceId === null ? undefined : this.staticMembers.get(instanceId)
    return memberId === undefined ? undefined : this.members.get(memberId)
  }

  /** Topics have changed: the next heartbeat looks at them. */
  requestMetadataRefresh(): void {
    this.metadataExpiry = { atMs: 0, epoch: 0 }
  }

  hasMetadataExpired(nowMs: number): boolean {
    return nowMs >= this.metadataExpiry.atMs || this.epoch < this.metadataExpiry.epoch
  }

  /** The assignor that most members ask for, as it will be when a member has changed. */
  preferredAssignor(before: ConsumerMember | undefined, after: ConsumerMember | undefined): AssignorName | undefined {
    const counts = new Map<string, number>()
    const count = (member: ConsumerMember | undefined) => {
      const name = member?.serverAssignor
      if (name) counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    for (const member of this.members.values()) {
      const isReplaced = member.instanceId !== null && member.instanceId === after?.instanceId
      if (member.memberId !== before?.memberId && !isReplaced) count(member)
    }
    count(after)
    let preferred: string | undefined
    for (const name of inJavaOrder(counts.keys(), stringHash, filledTableSize)) {
      if (preferred === undefined || (counts.get(name) ?? 0) > (counts.get(preferred) ?? 0)) preferred = name
    }
    return preferred as AssignorName | undefined
  }

  checkCommit(request: CommitRequest): GroupError {
    const { memberId, groupInstanceId, generationId, isTransactional } = request
    if (generationId < 0 && this.isEmpty) return 'NONE'
    if (isTransactional && generationId === -1 && memberId === '' && groupInstanceId === null) return 'NONE'
    const member = this.members.get(memberId)
    if (!member) return 'UNKNOWN_MEMBER_ID'
    if (!isTransactional && !member.classic && request.version < 9) return 'UNSUPPORTED_VERSION'
    if (generationId === member.memberEpoch) return 'NONE'
    const stale = isTransactional || member.classic ? 'ILLEGAL_GENERATION' : 'STALE_MEMBER_EPOCH'
    if (generationId > member.memberEpoch) return stale
    // An older epoch will do for partitions that it has had since (KIP-1251).
    for (const { topicId, partition } of request.offsets) {
      const since = assignmentEpoch(member, uuidToString(topicId), partition)
      if (since === undefined || generationId < since) return stale
    }
    return 'NONE'
  }

  checkOffsetFetch({ memberId, memberEpoch }: OffsetReader): GroupError {
    if (memberId === null && memberEpoch < 0) return 'NONE'
    const member = this.members.get(memberId ?? '')
    if (!member) return 'UNKNOWN_MEMBER_ID'
    if (member.memberEpoch === memberEpoch) return 'NONE'
    return member.classic ? 'ILLEGAL_GENERATION' : 'STALE_MEMBER_EPOCH'
  }

  checkOffsetDelete(): GroupError {
    return 'NONE'
  }

  isSubscribedTo(topic: string): boolean {
    return this.subscriptions.has(topic)
  }

  retentionStart({ commitTimestamp }: OffsetValue): number {
    return commitTimestamp
  }

  tombstones(): readonly GroupRecord[] {
    return this.tombstonesFor([...this.members.keys()])
  }

  /** The records that delete it when these are its members. */
  tombstonesFor(memberIds: readonly string[]): readonly GroupRecord[] {
    return [
      ...memberIds.map((memberId) => assignmentRecord(this.id, memberId, null)),
      ...memberIds.map((memberId) => memberTargetRecord(this.id, memberId, null)),
      targetRecord(this.id, null),
      ...memberIds.map((memberId) => memberRecord(this.id, memberId, null)),
      ...Array.from(this.subscriptions.resolved.keys(), (regex) => regexRecord(this.id, regex, null)),
      { kind: 'partition-metadata', group: this.id, value: null },
      consumerGroupRecord(this.id, null),
    ]
  }

  *snapshot(): Generator<ConsumerGroupRecord> {
    for (const [memberId, member] of this.members) yield memberRecord(this.id, memberId, descriptionOf(member))
    yield consumerGroupRecord(this.id, { epoch: this.epoch, metadataHash: this.metadataHash })
    for (const [regex, resolved] of this.subscriptions.resolved) yield regexRecord(this.id, regex, resolved)
    for (const [memberId, target] of this.targets) yield memberTargetRecord(this.id, memberId, target)
    yield targetRecord(this.id, this.target)
    for (const [memberId, member] of this.members) yield assignmentRecord(this.id, memberId, assignmentOf(member))
  }

  /** Takes over what a record says. The tombstone of the group itself is its owner's to heed. */
  replay(record: ConsumerGroupRecord): void {
    switch (record.kind) {
      case 'consumer-group':
        if (!record.value) return
        this.epoch = record.value.epoch
        this.metadataHash = record.value.metadataHash
        return
      case 'member': {
        const { memberId, value } = record
        if (value) this.#setMember({ ...this.#memberOrNew(memberId), ...descriptionOf(value) })
        else this.#removeMember(memberId)
        return
      }
      case 'target':
        this.target = record.value ?? noTargetLeft
        return
      case 'member-target':
        if (record.value) this.targets.set(record.memberId, record.value)
        else this.targets.delete(record.memberId)
        return
      case 'member-assignment': {
        const { memberId, value } = record
        if (value) this.#setMember({ ...this.#memberOrNew(memberId), ...assignmentOf(value) })
        else if (this.members.has(memberId)) this.#setMember({ ...this.#memberOrNew(memberId), ...goneMember })
        return
      }
      case 'regex':
        this.subscriptions.resolve(record.regex, record.value)
        return
      case 'partition-metadata':
        this.hasPartitionMetadata = record.value !== null
        return
    }
  }

  #memberOrNew(memberId: string): ConsumerMember {
    return this.members.get(memberId) ?? newMember(memberId)
  }

  #setMember(member: ConsumerMember): void {
    const before = this.members.get(member.memberId)
    this.members.set(member.memberId, member)
    this.#release(before)
    this.owners.add(member.assigned, member.memberEpoch)
    this.owners.add(member.revoking, member.memberEpoch)
    this.subscriptions.replaceMember(before, member)
    if (member.instanceId !== null) this.staticMembers.set(member.instanceId, member.memberId)
  }

  #removeMember(memberId: string): void {
    const member = this.members.get(memberId)
    if (!member) return
    this.members.delete(memberId)
    this.#release(member)
    this.subscriptions.replaceMember(member, undefined)
    if (member.instanceId !== null && this.staticMembers.get(member.instanceId) === memberId) {
      this.staticMembers.delete(member.instanceId)
    }
  }

  #release(member: ConsumerMember | undefined): void {
    if (!member) return
    this.owners.remove(member.assigned, member.memberEpoch)
    this.owners.remove(member.revoking, member.memberEpoch)
  }
}
