import type { Cluster } from '../cluster/cluster.ts'
import type { ResolvedConsumerOptions } from '../consumer/consumer-options.ts'
import { partitionKey, type SubscriptionState } from '../consumer/subscription.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import type { GroupCoordinator, GroupIdentity } from './group-coordinator.ts'

/** Told of rebalances, always from within `poll` or `close`. The consumer waits for promises. */
export interface RebalanceListener {
  onPartitionsAssigned?(partitions: TopicPartition[]): void | Promise<void>
  /** They are still this consumer's: the last moment to commit. */
  onPartitionsRevoked?(partitions: TopicPartition[]): void | Promise<void>
  /** They may be another's already: committing is too late. Without it, `onPartitionsRevoked` is called. */
  onPartitionsLost?(partitions: TopicPartition[]): void | Promise<void>
}

export interface MembershipOptions {
  cluster: Cluster
  coordinator: GroupCoordinator
  subscription: SubscriptionState
  options: ResolvedConsumerOptions
  /** Runs before partitions are given up: commits what was read, if that is wanted. */
  beforeRevocation: () => Promise<void>
  /** A poll has something to do. */
  onChange: () => void
}

/**
 * A consumer's place in its group: by the classic protocol or by that of KIP-848. Requests go on in the background; giving
 * up and taking over partitions, with the listener's calls, happens only within `poll` (see {@link advance}), so that no
 * record is in work at that time.
 */
export interface Membership {
  listener: RebalanceListener
  /** Whom commits are made as. */
  readonly identity: GroupIdentity
  /** The group went on without this member, which has not given up yet what it held: that is no longer its to commit. */
  readonly isLost: boolean
  /** How often that happened: what was read before is not to be committed after. */
  readonly losses: number
  /** Whether {@link advance} would do something; checked in each poll. */
  readonly needsAttention: boolean
  pollStarted(): void
  pollEnded(): void
  subscriptionChanged(): void
  metadataChanged(): void
  /** Takes the next step of a rebalance that needs the user's side. @throws what makes the membership impossible */
  advance(): Promise<void>
  /** What a request about offsets that failed says about this member, too, if it is still the one that made it. */
  noteError(error: unknown, madeAs: GroupIdentity): void
  /** Gives up the partitions and leaves. */
  close(): Promise<void>
}

export function isSameIdentity(a: GroupIdentity, b: GroupIdentity): boolean {
  return a.memberId === b.memberId && a.generationId === b.generationId
}

export async function tellLost(listener: RebalanceListener, partitions: TopicPartition[]): Promise<void> {
  if (partitions.length === 0) return
  if (listener.onPartitionsLost) await listener.onPartitionsLost(partitions)
  else await listener.onPartitionsRevoked?.(partitions)
}

export function without<T extends TopicPartition>(partitions: readonly T[], others: readonly TopicPartition[]): T[] {
  const keys = new Set(others.map(partitionKey))
  return partitions.filter((partition) => !keys.has(partitionKey(partition)))
}
