import type { OwnedPartitions } from '../../src/groups/consumer/consumer-member.ts'
import type { ConsumerHeartbeat, ConsumerHeartbeatAnswer } from '../../src/groups/consumer/protocol.ts'
import type { GroupError } from '../../src/groups/protocol.ts'
import type { ShardHarness } from './fixture.ts'

export interface Subscription {
  readonly topics?: readonly string[]
  readonly regex?: string
  readonly assignor?: string
}

/** A member of a KIP-848 group that behaves as a client does: it gives up what it is to give up, and says what it has. */
export class ConsumerClient {
  readonly memberId: string
  readonly instanceId: string | null
  subscription: Subscription
  epoch = 0
  /** What it reads from: `topic-partition`. Undefined: it is not in the group. */
  owned: Set<string> | undefined
  /** The assignment that it was told last. */
  #assigned: ReadonlySet<string> = new Set()
  /** What it has to tell with the next heartbeat, whatever else: a request whose answer it did not see. */
  #retry = false
  /** What it has said that it has. */
  #reported: ReadonlySet<string> | undefined
  readonly #group: string

  constructor(memberId: string, subscription: Subscription, options: { instanceId?: string; group?: string } = {}) {
    this.memberId = memberId
    this.subscription = subscription
    this.instanceId = options.instanceId ?? null
    this.#group = options.group ?? 'g'
  }

  get isMember(): boolean {
    return this.owned !== undefined
  }

  /** Joins or rejoins with nothing. */
  join(harness: ShardHarness): ConsumerHeartbeatAnswer | GroupError {
    this.owned = new Set()
    this.#assigned = new Set()
    this.epoch = 0
    return this.#send(harness, { isFull: true })
  }

  /** A heartbeat; the whole of it when the answer to the last one was lost. `loseAnswer`: it is not seen. */
  heartbeat(
    harness: ShardHarness,
    options: { loseAnswer?: boolean; news?: Subscription } = {},
  ): ConsumerHeartbeatAnswer | GroupError {
    if (!this.owned) return this.join(harness)
    if (options.news) this.subscription = options.news
    return this.#send(harness, {
      isFull: this.#retry || options.news !== undefined,
      loseAnswer: options.loseAnswer ?? false,
    })
  }

  leave(harness: ShardHarness, options: { toComeBack?: boolean } = {}): void {
    if (!this.owned) return
    this.#run(harness, { ...this.#request(), memberEpoch: options.toComeBack ? -2 : -1, owned: null })
    this.owned = undefined
  }

  /** Takes a step towards what it was assigned: gives up first, then takes. */
  reconcile(): void {
    if (!this.owned) return
    this.owned = new Set(this.#assigned)
  }

  #send(
    harness: ShardHarness,
    { isFull, loseAnswer = false }: { isFull: boolean; loseAnswer?: boolean },
  ): ConsumerHeartbeatAnswer | GroupError {
    const owned = this.owned ?? new Set()
    // Who says that it does not have what it was given must not take it any more: the answer says what it may take.
    if (isFull) this.#assigned = new Set(owned)
    const hasChanged =
      !this.#reported || owned.size !== this.#reported.size || [...owned].some((name) => !this.#reported?.has(name))
    this.#reported = new Set(owned)
    const answer = this.#run(harness, this.#request({ isFull, tellsOwned: isFull || hasChanged }))
    if (loseAnswer) {
      this.#retry = true
      return answer
    }
    this.#retry = false
    if (typeof answer === 'string') {
      // Fenced or forgotten: it gives everything up and begins anew.
      this.owned = undefined
      return answer
    }
    this.epoch = answer.memberEpoch
    if (answer.assignment) this.#assigned = namesOf(answer.assignment)
    return answer
  }

  #request({ isFull = true, tellsOwned = true } = {}): ConsumerHeartbeat {
    const { topics = null, regex = null, assignor = null } = this.subscription
    return {
      groupId: this.#group,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      instanceId: this.instanceId,
      rackId: null,
      rebalanceTimeoutMs: isFull ? 30_000 : -1,
      subscribedTopicNames: isFull ? (topics ?? []) : null,
      subscribedTopicRegex: isFull ? (regex ?? '') : null,
      serverAssignor: isFull ? assignor : null,
      owned: tellsOwned ? partitionsOf(this.owned ?? new Set()) : null,
      clientId: 'client',
      clientHost: '/here',
    }
  }

  #run(harness: ShardHarness, request: ConsumerHeartbeat): ConsumerHeartbeatAnswer | GroupError {
    let answer: ConsumerHeartbeatAnswer | GroupError = 'NONE'
    harness.run(() => {
      const { records, response } = harness.shard.consumers.heartbeat(request)
      answer = 'error' in response ? response.error : response
      return records
    })
    return answer
  }
}

/** `topic-partition` of each. */
export function namesOf(assigned: OwnedPartitions): Set<string> {
  return new Set(
    [...assigned].flatMap(([topic, partitions]) => Array.from(partitions.keys(), (index) => `${topic}/${index}`)),
  )
}

function partitionsOf(names: ReadonlySet<string>): Map<string, number[]> {
  const partitions = new Map<string, number[]>()
  for (const name of names) {
    const [topic, index] = name.split('/') as [string, string]
    partitions.set(topic, [...(partitions.get(topic) ?? []), Number(index)])
  }
  return partitions
}
