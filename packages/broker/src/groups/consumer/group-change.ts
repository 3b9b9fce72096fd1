import type { Partitions } from '../assignors/assignor.ts'
import type { GroupRecord } from '../group-records.ts'
import type { ShardContext } from '../shard-context.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import {
  assignmentOf,
  type ConsumerMember,
  descriptionOf,
  isReconciledTo,
  sameAssignment,
  sameDescription,
  sameNames,
} from './consumer-member.ts'
import { assignmentRecord, consumerGroupRecord, memberRecord } from './consumer-records.ts'
import { metadataHash } from './metadata-hash.ts'
import { reconcile } from './reconcile.ts'
import type { Subscriptions } from './subscriptions.ts'
import { computeTarget, topicKeys } from './target-assignment.ts'

/** Topics are looked at again when they change; this is for the case that a change was missed. */
const metadataRefreshMs = 0x7fff_ffff

/**
 * The change that a member's request makes to its group, step by step: who the member is, the group's epoch, the target
 * assignment, the member's own assignment. The group itself stays as it is: the change is the records.
 */
export class GroupChange {
  readonly records: GroupRecord[]
  readonly #context: ShardContext
  readonly #group: ConsumerGroup
  /** As the group knows it. */
  readonly #member: ConsumerMember
  #epoch: number
  #subscriptions: Subscriptions | undefined

  /** `records`: those that have led to `group`, when the log has not got them yet. */
  constructor(context: ShardContext, group: ConsumerGroup, member: ConsumerMember, records: GroupRecord[]) {
    this.#context = context
    this.#group = group
    this.#member = member
    this.records = records
    this.#epoch = group.epoch
  }

  /** The epoch of the group after the change so far. */
  get epoch(): number {
    return this.#epoch
  }

  /** Writes down what the member says of itself. Returns whether the names of its topics have changed. */
  describeMember(updated: ConsumerMember): boolean {
    if (sameDescription(this.#member, updated)) return false
    this.records.push(memberRecord(this.#group.id, updated.memberId, descriptionOf(updated)))
    return !sameNames(this.#member.subscribedTopicNames, updated.subscribedTopicNames)
  }

  /** The subscription has changed, or the topics may have: a new epoch when there is anything to assign anew. */
  updateEpoch(updated: ConsumerMember, options: { hasSubscriptionChanged: boolean }): void {
    const group = this.#group
    const { clock, topics } = this.#context
    const hash = metadataHash(this.#subscriptionsWith(updated).topics(), topics)
    if (options.hasSubscriptionChanged || hash !== group.metadataHash) {
      this.#epoch++
      this.records.push(consumerGroupRecord(group.id, { epoch: this.#epoch, metadataHash: hash }))
    }
    group.metadataExpiry = { atMs: clock.now() + metadataRefreshMs, epoch: this.#epoch }
    if (group.hasPartitionMetadata) this.records.push({ kind: 'partition-metadata', group: group.id, value: null })
  }

  /** A new target assignment, when the epoch has moved and the last one is old enough. Returns what the member is to have. */
  updateTarget(updated: ConsumerMember): { epoch: number; partitions: Partitions } {
    const group = this.#group
    const { clock, settings, topics } = this.#context
    const nowMs = clock.now()
    const { assignmentIntervalMs } = settings.consumer.timingOf(group.id)
    const { epoch, timestamp } = group.target
    const isDue = timestamp === 0 || assignmentIntervalMs === 0 || nowMs >= timestamp + assignmentIntervalMs
    if (epoch >= this.#epoch || !isDue) return this.presentTarget(updated)
    const { target, records } = computeTarget({
      group,
      updated,
      epoch: this.#epoch,
      assignor: group.preferredAssignor(this.#member, updated) ?? settings.consumer.assignors[0] ?? 'uniform',
      isHomogeneous: this.#isHomogeneousWith(updated),
      topics,
      nowMs,
    })
    this.records.push(...records)
    return { epoch: this.#epoch, partitions: target ?? new Map() }
  }

  #subscriptionsWith(updated: ConsumerMember): Subscriptions {
    if (this.#subscriptions) return this.#subscriptions
    const subscriptions = this.#group.subscriptions.clone()
    subscriptions.replaceMember(this.#member, updated)
    subscriptions.dropUnusedRegexes()
    this.#subscriptions = subscriptions
    return subscriptions
  }

  /**
   * Whether all members are subscribed to the same topics, this one included. Kafka asks without it when the epoch does not move
   * by it: then one that joins without topics is given partitions that it never takes.
   */
  #isHomogeneousWith(updated: ConsumerMember): boolean {
    const { members, staticMembers } = this.#group
    const isNew = !members.has(updated.memberId) && !staticMembers.has(updated.instanceId ?? '')
    return this.#subscriptionsWith(updated).isHomogeneous(members.size + (isNew ? 1 : 0))
  }

  /** The last target assignment. A static member that is back has that of the one whose place it takes. */
  presentTarget({ memberId, instanceId }: ConsumerMember): { epoch: number; partitions: Partitions } {
    const group = this.#group
    const id = instanceId === null ? memberId : group.staticMembers.get(instanceId)
    return { epoch: group.target.epoch, partitions: group.targetOf(id ?? memberId) }
  }

  /** Moves the member towards the target as far as it can go now. Returns it as it is then. */
  reconcile(
    updated: ConsumerMember,
    target: { epoch: number; partitions: Partitions },
    options: { hasSubscriptionChanged: boolean; reported: Partitions | null },
  ): ConsumerMember {
    if (!options.hasSubscriptionChanged && isReconciledTo(updated, target.epoch)) return updated
    const group = this.#group
    const subscribed = topicKeys(group.subscriptions.topicsOf(updated), this.#context.topics)
    const reconciled = reconcile({
      member: updated,
      target: target.partitions,
      targetEpoch: target.epoch,
      isSubscribedTo: (topic) => subscribed.has(topic),
      isOwned: (topic, partition) => group.owners.get(topic, partition) !== undefined,
      ...options,
    })
    if (!sameAssignment(updated, reconciled)) {
      this.records.push(assignmentRecord(group.id, reconciled.memberId, assignmentOf(reconciled)))
    }
    return reconciled
  }
}
