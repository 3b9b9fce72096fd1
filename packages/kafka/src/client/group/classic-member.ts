import { MillraceError, sleep, type TimerHandle } from '@millrace/std'
import { Heartbeat, LeaveGroup } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import { isRetriable } from '../cluster/errors.ts'
import type { GroupIdentity } from './group-coordinator.ts'
import {
  isSameIdentity,
  type Membership,
  type MembershipOptions,
  type RebalanceListener,
  tellLost,
  without,
} from './membership.ts'
import { type Joined, joinGroup } from './group-join.ts'
import { backoff } from '../cluster/waiting.ts'

/** The coordinator knows this member no longer: it must come back as a new one. */
class MembershipLostError extends MillraceError {
  constructor() {
    super('KAFKA_MEMBERSHIP_LOST', { message: 'The group went on without this member.' })
  }
}

/** A member of a classic group: the members agree on a protocol, and one of them divides the partitions. */
export class ClassicMember implements Membership {
  listener: RebalanceListener = {}
  readonly #context: MembershipOptions
  #memberId = ''
  #generationId = -1
  #needsRejoin = true
  /** What it held may belong to others. */
  #isLost = false
  #losses = 0
  #isPrepared = false
  #joining: Promise<void> | undefined
  #joined: Joined | undefined
  #error: Error | undefined
  #isStable = false
  #heartbeat: TimerHandle | undefined
  #pollEndedAt = 0
  #isPolling = false
  /** As leader: the partition counts that the assignment was made for. */
  #assignedFor: ReadonlyMap<string, number> | undefined
  readonly #closed = new AbortController()

  constructor(options: MembershipOptions) {
    this.#context = options
  }

  get identity(): GroupIdentity {
    const { groupInstanceId } = this.#context.options
    return { memberId: this.#memberId, generationId: this.#generationId, groupInstanceId: groupInstanceId ?? null }
  }

  get isLost(): boolean {
    return this.#isLost
  }

  get losses(): number {
    return this.#losses
  }

  /** Whether {@link advance} would do something; checked in each poll. */
  get needsAttention(): boolean {
    return this.#error !== undefined || this.#joined !== undefined || (this.#needsRejoin && !this.#joining)
  }

  pollStarted(): void {
    this.#isPolling = true
  }

  pollEnded(): void {
    this.#isPolling = false
    this.#pollEndedAt = this.#now()
  }

  /** The subscription changed. */
  subscriptionChanged(): void {
    this.#needsRejoin = true
    this.#context.onChange()
  }

  /** Takes the next step of a rebalance that needs the user's side. @throws what made joining impossible */
  async advance(): Promise<void> {
    while (this.needsAttention) {
      if (this.#error) {
        const error = this.#error
        this.#error = undefined
        throw error
      }
      if (this.#joined) await this.#apply(this.#joined)
      else {
        // While the listener was told, a heartbeat may have said that all is lost: then it is told that, too.
        while (!this.#isPrepared) await this.#prepare()
        this.#startJoin()
      }
    }
  }

  /** As leader: partitions were added, or a topic came or went. */
  metadataChanged(): void {
    if (!this.#assignedFor || !this.#isStable) return
    for (const [topic, count] of this.#assignedFor) {
      if ((this.#context.cluster.metadata.topics.get(topic)?.partitions.length ?? 0) === count) continue
      this.#assignedFor = undefined
      this.subscriptionChanged()
      return
    }
  }

  /** Gives up the partitions and leaves; a static member stays registered, since it will be back. */
  async close(): Promise<void> {
    this.#closed.abort()
    this.#stopHeartbeat()
    const { subscription } = this.#context
    const owned = subscription.assignment()
    try {
      if (owned.length > 0)
        await (this.#isLost ? tellLost(this.listener, owned) : this.listener.onPartitionsRevoked?.(owned))
    } finally {
      subscription.replace([])
      const leaving = this.#memberId
      this.#memberId = ''
      await this.#leave(leaving, 'the consumer is being closed')
    }
  }

  async #prepare(): Promise<void> {
    const { subscription } = this.#context
    const owned = subscription.assignment()
    if (this.#isLost) {
      this.#isLost = false
      subscription.replace([])
      await tellLost(this.listener, owned)
    } else {
      const isCooperative = this.#context.options.assignors.every((assignor) => assignor.protocol === 'cooperative')
      const topics = new Set(subscription.topics)
      const revoked = isCooperative ? owned.filter(({ topic }) => !topics.has(topic)) : owned
      if (revoked.length > 0) {
        await this.#context.beforeRevocation()
        // Given up they are also when the listener throws.
        try {
          await this.listener.onPartitionsRevoked?.(revoked)
        } finally {
          if (!this.#closed.signal.aborted) subscription.replace(without(owned, revoked))
        }
      }
    }
    this.#isPrepared = !this.#isLost
  }

  async #apply({ assignor, partitions }: Joined): Promise<void> {
    const { subscription, cluster } = this.#context
    this.#joined = undefined
    this.#isPrepared = false
    const owned = subscription.assignment()
    const revoked = without(owned, partitions)
    const added = without(partitions, owned)
    let failure: unknown
    if (revoked.length > 0) {
      await this.#context.beforeRevocation()
      try {
        await this.listener.onPartitionsRevoked?.(revoked)
      } catch (error) {
        // The generation has begun all the same: others are given these partitions, and this member its new ones.
        failure = error
      }
      // Only when all have given up what moves can the others get it.
      if (assignor.protocol === 'cooperative') this.#needsRejoin = true
    }
    if (this.#closed.signal.aborted) return
    cluster.follow(partitions.map(({ topic }) => topic))
    subscription.replace(partitions)
    await this.listener.onPartitionsAssigned?.(added)
    if (failure !== undefined) throw failure
  }

  #startJoin(): void {
    this.#needsRejoin = false
    this.#isStable = false
    this.#stopHeartbeat()
    this.#joining = this.#join()
      .catch((error: Error) => {
        this.#needsRejoin = true
        if (error instanceof MembershipLostError) this.#isPrepared = false
        else if (!this.#closed.signal.aborted) this.#error = error
      })
      .finally(() => {
        this.#joining = undefined
        this.#context.onChange()
      })
  }

  async #join(): Promise<void> {
    const { random, timers } = this.#context.cluster.options.system
    const { retryBackoffMs, retryBackoffMaxMs } = this.#context.options
    for (let failures = 1; !this.#closed.signal.aborted; failures++) {
      try {
        const joined = await this.#joinOnce()
        if (this.#closed.signal.aborted) return
        this.#joined = joined
        this.#isStable = true
        this.#scheduleHeartbeat()
        return
      } catch (error) {
        if (!this.#isWorthRetry(error)) throw error
        if (error instanceof KafkaError && error.kafkaCode === ErrorCode.MEMBER_ID_REQUIRED) continue
        const pause = backoff(random, failures, retryBackoffMs, retryBackoffMaxMs)
        await sleep(timers, pause, this.#closed.signal)
      }
    }
  }

  /** Looks at what joining failed with, and forgets what is no longer true. */
  #isWorthRetry(error: unknown): boolean {
    if (!(error instanceof KafkaError)) return isRetriable(error)
    switch (error.kafkaCode) {
      case ErrorCode.MEMBER_ID_REQUIRED:
      case ErrorCode.REBALANCE_IN_PROGRESS:
        return true
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.ILLEGAL_GENERATION:
        this.#loseMembership(error.kafkaCode)
        if (this.#context.subscription.size > 0) throw new MembershipLostError()
        return true
      default:
        return error.retriable
    }
  }

  async #joinOnce(): Promise<Joined> {
    const { cluster, coordinator, options, subscription } = this.#context
    const joined = await joinGroup(cluster, coordinator, options, {
      memberId: this.#memberId,
      topics: subscription.topics,
      ownedPartitions: subscription.assignment(),
      generationId: this.#generationId,
      onMember: (memberId, generationId) => {
        this.#memberId = memberId
        if (generationId >= 0) this.#generationId = generationId
      },
    })
    this.#assignedFor = joined.assignedFor
    return joined
  }

  #scheduleHeartbeat(): void {
    this.#stopHeartbeat()
    const { timers } = this.#context.cluster.options.system
    this.#heartbeat = timers.scheduleBackground(this.#context.options.heartbeatIntervalMs, () => void this.#beat())
  }

  #stopHeartbeat(): void {
    if (this.#heartbeat) this.#context.cluster.options.system.timers.cancel(this.#heartbeat)
    this.#heartbeat = undefined
  }

  async #beat(): Promise<void> {
    if (!this.#isStable || this.#closed.signal.aborted) return
    const { coordinator, options } = this.#context
    if (!this.#isPolling && this.#now() - this.#pollEndedAt > options.maxPollIntervalMs) {
      const leaving = this.#memberId
      // At once: whoever polls or commits while it leaves is no member any more.
      this.#loseMembership(ErrorCode.UNKNOWN_MEMBER_ID)
      await this.#leave(leaving, `no poll for maxPollIntervalMs (${options.maxPollIntervalMs} ms)`)
      return
    }
    const { memberId, generationId, groupInstanceId } = this.identity
    try {
      const { errorCode } = await coordinator.send(
        Heartbeat,
        { groupId: coordinator.groupId, generationId, memberId, groupInstanceId },
        (answer) => answer.errorCode,
        // A connection that died without a word is made anew while there is still time.
        { timeoutMs: Math.min(options.requestTimeoutMs, options.sessionTimeoutMs / 2) },
      )
      // An answer to what has passed in the meantime says nothing about now.
      if (this.#isStable && generationId === this.#generationId) this.#hear(errorCode)
    } catch {
      // Lost connections are made anew by the next beat; if they stay lost, the coordinator will say so.
    }
    if (this.#isStable && !this.#closed.signal.aborted) this.#scheduleHeartbeat()
  }

  #hear(errorCode: number): void {
    switch (errorCode) {
      case ErrorCode.REBALANCE_IN_PROGRESS:
        this.subscriptionChanged()
        return
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.ILLEGAL_GENERATION:
        this.#loseMembership(errorCode)
        return
      case ErrorCode.FENCED_INSTANCE_ID:
      case ErrorCode.GROUP_AUTHORIZATION_FAILED:
        this.#isStable = false
        this.#markLost()
        // The partitions are another's: the next poll gives them up, and shows whether joining is allowed again.
        this.#needsRejoin = true
        this.#error = new KafkaError(errorCode, `Staying in group ${this.#context.coordinator.groupId}`)
        this.#context.onChange()
    }
  }

  noteError(error: unknown, madeAs: GroupIdentity): void {
    if (error instanceof KafkaError && this.#isStable && isSameIdentity(madeAs, this.identity)) {
      this.#hear(error.kafkaCode)
    }
  }

  #markLost(): void {
    this.#isLost = true
    this.#losses++
    this.#isPrepared = false
  }

  #loseMembership(errorCode: number): void {
    this.#isStable = false
    this.#markLost()
    this.#joined = undefined
    this.#generationId = -1
    this.#assignedFor = undefined
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.#memberId = ''
    this.subscriptionChanged()
  }

  async #leave(memberId: string, reason: string): Promise<void> {
    if (memberId === '' || this.#context.options.groupInstanceId !== undefined) return
    const { groupId } = this.#context.coordinator
    try {
      await this.#context.coordinator.send(
        LeaveGroup,
        (version) =>
          version >= 3
            ? { groupId, memberId: '', members: [{ memberId, groupInstanceId: null, reason }] }
            : { groupId, memberId, members: [] },
        (answer) => answer.errorCode,
        // A JoinGroup that the coordinator holds back would hold back this as well.
        { lane: 'common' },
      )
    } catch {
      // The coordinator finds out by the session timeout.
    }
  }

  #now(): number {
    return this.#context.cluster.options.system.clock.monotonic()
  }
}
