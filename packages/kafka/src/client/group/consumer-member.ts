import { assert, MillraceError, type TimerHandle, uuidToString } from '@millrace/std'
import type { ConsumerGroupHeartbeatResponse } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import { isRetriable } from '../cluster/errors.ts'
import { uuidKey } from '../cluster/metadata.ts'
import { backoff } from '../cluster/waiting.ts'
import {
  type AssignedPartition,
  ConsumerHeartbeat,
  JOIN_EPOCH,
  LEAVE_EPOCH,
  LEAVE_STATIC_EPOCH,
} from './consumer-heartbeat.ts'
import type { GroupIdentity } from './group-coordinator.ts'
import {
  isSameIdentity,
  type Membership,
  type MembershipOptions,
  type RebalanceListener,
  tellLost,
} from './membership.ts'

type AssignedTopics = NonNullable<ConsumerGroupHeartbeatResponse['assignment']>['topicPartitions']

/**
 * Where a member stands; its heartbeats and polls move it.
 * - `outside`: the next poll joins
 * - `joining`: the first heartbeat is under way or being tried again
 * - `member`: has an epoch; the assignment is worked off in polls
 * - `fenced`: the group went on without it; the next poll gives up what it held, then joins again
 * - `failed`: heartbeats have ended; the next poll throws why, the one after tries again
 * - `closed`
 */
export const MEMBER_STATES = {
  outside: ['joining', 'closed'],
  joining: ['member', 'fenced', 'failed', 'closed'],
  member: ['fenced', 'failed', 'closed'],
  fenced: ['outside', 'closed'],
  failed: ['fenced', 'closed'],
  closed: [],
} as const satisfies Record<string, readonly string[]>

type MemberState = keyof typeof MEMBER_STATES

/** The coordinator knows the member no longer, or not the group: after a loss of its log, say. */
const LOST_CODES: readonly number[] = [
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.GROUP_ID_NOT_FOUND,
]

/** A member of a KIP-848 group: the coordinator divides the partitions, and a heartbeat carries everything. */
export class ConsumerMember implements Membership {
  listener: RebalanceListener = {}
  readonly #context: MembershipOptions
  readonly #heartbeat: ConsumerHeartbeat
  #state: MemberState = 'outside'
  #memberId: string
  #memberEpoch = JOIN_EPOCH
  #losses = 0
  #intervalMs: number
  /** What the coordinator wants this member to have, until it has. */
  #target: AssignedTopics | undefined
  /** What the member holds, and has told or will tell. */
  #owned: AssignedPartition[] = []
  /** Some topic of the last target was not known by name. */
  #isUnresolved: AssignedTopics | undefined
  #error: Error | undefined
  #timer: TimerHandle | undefined
  #isBeating = false
  #beatAgain = false
  #failures = 0
  #isPolling = false
  #pollEndedAt = 0

  constructor(context: MembershipOptions) {
    this.#context = context
    const { options, coordinator, subscription, cluster } = context
    this.#heartbeat = new ConsumerHeartbeat(coordinator, options, subscription)
    this.#memberId = uuidToString(cluster.options.system.random.fill(new Uint8Array(16)))
    this.#intervalMs = options.heartbeatIntervalMs
  }

  get identity(): GroupIdentity {
    const { groupInstanceId } = this.#context.options
    if (this.#state !== 'member') return { memberId: '', generationId: -1, groupInstanceId: null }
    return { memberId: this.#memberId, generationId: this.#memberEpoch, groupInstanceId: groupInstanceId ?? null }
  }

  get isLost(): boolean {
    return this.#state === 'fenced' || this.#state === 'failed'
  }

  get losses(): number {
    return this.#losses
  }

  get needsAttention(): boolean {
    return (
      this.#error !== undefined ||
      this.#state === 'outside' ||
      this.#state === 'fenced' ||
      (this.#state === 'member' && this.#target !== undefined)
    )
  }

  pollStarted(): void {
    this.#isPolling = true
  }

  pollEnded(): void {
    this.#isPolling = false
    this.#pollEndedAt = this.#now()
  }

  subscriptionChanged(): void {
    if (this.#state === 'member' || this.#state === 'joining') this.#beatNow()
    this.#context.onChange()
  }

  metadataChanged(): void {
    if (!this.#isUnresolved || this.#target) return
    this.#target = this.#isUnresolved
    this.#isUnresolved = undefined
    this.#context.onChange()
  }

  async advance(): Promise<void> {
    while (this.needsAttention) {
      if (this.#error) {
        const error = this.#error
        this.#error = undefined
        if (this.#state === 'failed') this.#to('fenced')
        throw error
      }
      if (this.#state === 'fenced') await this.#giveUpAll()
      else if (this.#state === 'outside') {
        this.#to('joining')
        this.#beatNow()
      } else await this.#reconcile()
    }
  }

  noteError(error: unknown, madeAs: GroupIdentity): void {
    if (!(error instanceof KafkaError) || this.#state !== 'member' || !isSameIdentity(madeAs, this.identity)) return
    const { kafkaCode } = error
    if (LOST_CODES.includes(kafkaCode)) this.#fence()
    // The next heartbeat brings the epoch that the coordinator expects.
    if (kafkaCode === ErrorCode.STALE_MEMBER_EPOCH) this.#beatNow()
  }

  async close(): Promise<void> {
    const { subscription } = this.#context
    const owned = subscription.assignment()
    const wasMember = this.#state === 'member' || this.#state === 'joining'
    try {
      if (!wasMember) await tellLost(this.listener, owned)
      else if (owned.length > 0) await this.listener.onPartitionsRevoked?.(owned)
    } finally {
      subscription.replace([])
      this.#owned = []
      if (this.#state !== 'closed') this.#to('closed')
      this.#stopTimer()
      if (wasMember) await this.#leave()
    }
  }

  /** Takes over what was assigned, after it gave up what was taken away; then tells so. */
  async #reconcile(): Promise<void> {
    const { subscription, cluster } = this.#context
    const target = this.#target as AssignedTopics
    this.#target = undefined
    this.#isUnresolved = undefined
    const wanted = await this.#resolve(target)
    if (this.#state !== 'member') return
    const keys = new Set(wanted.map(assignedKey))
    const revoked = this.#owned.filter((partition) => !keys.has(assignedKey(partition)))
    let failure: unknown
    if (revoked.length > 0) {
      await this.#context.beforeRevocation()
      try {
        await this.listener.onPartitionsRevoked?.(revoked.map(plain))
      } catch (error) {
        // Given up they are all the same: the group waits for that.
        failure = error
      }
      // While the listener was told, a heartbeat may have said that all is lost.
      if (this.#state !== 'member') {
        if (failure !== undefined) throw failure
        return
      }
      this.#owned = this.#owned.filter((partition) => keys.has(assignedKey(partition)))
      subscription.replace(this.#owned)
    }
    const held = new Set(this.#owned.map(assignedKey))
    const added = wanted.filter((partition) => !held.has(assignedKey(partition)))
    cluster.follow(wanted.map(({ topic }) => topic))
    this.#owned = wanted
    subscription.replace(wanted)
    if (added.length > 0 || revoked.length > 0) this.#beatNow()
    // The rest comes as soon as it has a name.
    else if (this.#isUnresolved) return
    await this.listener.onPartitionsAssigned?.(added.map(plain))
    if (failure !== undefined) throw failure
  }

  /** Names for topic ids. What has none yet is tried again when there is news. */
  async #resolve(target: AssignedTopics): Promise<AssignedPartition[]> {
    const { cluster } = this.#context
    const ids = target.map(({ topicId }) => topicId)
    let names = cluster.metadata.namesOf(ids)
    if (names.size < ids.length) {
      await cluster.findTopicsById(ids.filter((id) => !names.has(uuidKey(id)))).catch(() => {})
      names = cluster.metadata.namesOf(ids)
      if (names.size < ids.length) {
        this.#isUnresolved = target
        cluster.requestRefresh()
      }
    }
    return target.flatMap(({ topicId, partitions }) => {
      const topic = names.get(uuidKey(topicId))
      return topic === undefined ? [] : partitions.map((partition) => ({ topicId, topic, partition }))
    })
  }

  async #giveUpAll(): Promise<void> {
    const { subscription } = this.#context
    const lost = subscription.assignment()
    subscription.replace([])
    this.#owned = []
    this.#target = undefined
    this.#isUnresolved = undefined
    this.#memberEpoch = JOIN_EPOCH
    this.#to('outside')
    await tellLost(this.listener, lost)
  }

  #beatNow(): void {
    if (this.#isBeating) {
      this.#beatAgain = true
      return
    }
    this.#stopTimer()
    void this.#beat()
  }

  async #beat(): Promise<void> {
    if (this.#isLate()) {
      // At once: whoever polls or commits while it leaves is no member any more.
      this.#fence()
      await this.#leave()
      return
    }
    this.#isBeating = true
    this.#beatAgain = false
    let pause = this.#intervalMs
    try {
      const state = { memberId: this.#memberId, memberEpoch: this.#memberEpoch, owned: this.#owned }
      this.#answered(await this.#heartbeat.send(state))
      this.#failures = 0
      pause = this.#intervalMs
    } catch (error) {
      this.#failures++
      const { retryBackoffMs, retryBackoffMaxMs, system } = this.#context.cluster.options
      pause = backoff(system.random, this.#failures, retryBackoffMs, retryBackoffMaxMs)
      this.#failed(error as Error)
    } finally {
      this.#isBeating = false
    }
    if (this.#state !== 'member' && this.#state !== 'joining') return
    if (this.#beatAgain && this.#failures === 0) this.#beatNow()
    else this.#schedule(pause)
  }

  #answered(response: ConsumerGroupHeartbeatResponse): void {
    if (this.#state !== 'member' && this.#state !== 'joining') return
    if (this.#state === 'joining') this.#to('member')
    this.#memberId = response.memberId ?? this.#memberId
    this.#memberEpoch = response.memberEpoch
    this.#intervalMs = response.heartbeatIntervalMs
    if (!response.assignment) return
    this.#target = response.assignment.topicPartitions
    this.#context.onChange()
  }

  #failed(error: Error): void {
    if (isRetriable(error) || (this.#state !== 'member' && this.#state !== 'joining')) return
    const code = error instanceof KafkaError ? error.kafkaCode : undefined
    if (code !== undefined && LOST_CODES.includes(code)) {
      this.#fence()
      return
    }
    this.#error = code === ErrorCode.UNSUPPORTED_VERSION ? unsupportedProtocol(error) : error
    this.#to('failed')
    this.#context.onChange()
  }

  /** What it held may belong to others. */
  #fence(): void {
    if (this.#state !== 'member' && this.#state !== 'joining') return
    this.#stopTimer()
    this.#to('fenced')
    this.#context.onChange()
  }

  #isLate(): boolean {
    const { maxPollIntervalMs } = this.#context.options
    return this.#state === 'member' && !this.#isPolling && this.#now() - this.#pollEndedAt > maxPollIntervalMs
  }

  async #leave(): Promise<void> {
    const isStatic = this.#context.options.groupInstanceId !== undefined
    const memberEpoch = isStatic ? LEAVE_STATIC_EPOCH : LEAVE_EPOCH
    // If it does not arrive, the coordinator finds out by the session timeout.
    await this.#heartbeat.send({ memberId: this.#memberId, memberEpoch, owned: [] }).catch(() => {})
  }

  #schedule(delayMs: number): void {
    this.#stopTimer()
    this.#timer = this.#context.cluster.options.system.timers.scheduleBackground(delayMs, () => this.#beatNow())
  }

  #stopTimer(): void {
    if (this.#timer) this.#context.cluster.options.system.timers.cancel(this.#timer)
    this.#timer = undefined
  }

  #to(state: MemberState): void {
    if (state === 'fenced' || state === 'failed') this.#losses++
    const edges: readonly MemberState[] = MEMBER_STATES[this.#state]
    assert(edges.includes(state), `a member that is ${this.#state} cannot become ${state}`)
    this.#state = state
  }

  #now(): number {
    return this.#context.cluster.options.system.clock.monotonic()
  }
}

function assignedKey({ topicId, partition }: AssignedPartition): string {
  return `${uuidKey(topicId)}-${partition}`
}

function plain({ topic, partition }: AssignedPartition) {
  return { topic, partition }
}

function unsupportedProtocol(cause: Error): MillraceError {
  return new MillraceError('KAFKA_GROUP_PROTOCOL_UNSUPPORTED', {
    message: `The broker does not serve groupProtocol 'consumer' (KIP-848): ${cause.message}`,
    fix: "Set groupProtocol to 'classic', or give the cluster the feature group.version 1.",
    cause,
  })
}
