import { ErrorCode, type FetchRequest } from '@millrace/kafka'
import { nextInt, type Clock, type Random, uuidToString } from '@millrace/std'
import type { Partition } from '../metadata/partition.ts'

/** One partition that a fetch asks for. In a session it stays, with what the client was told last. */
export interface FetchTarget {
  readonly topic: string
  readonly topicId: Uint8Array
  readonly index: number
  offset: number
  maxBytes: number
  currentLeaderEpoch: number
  /** Looked up when it is first needed. */
  partition: Partition | undefined
  toldHighWatermark: number
  toldLogStartOffset: number
}

/** What a fetch is to read, and what of it is to be told. */
export interface FetchContext {
  /** 0: none. */
  readonly sessionId: number
  /** In the order in which they are to be read. */
  readonly targets: readonly FetchTarget[]
  /** Only what has changed is told. */
  readonly isIncremental: boolean
  /** These were answered with records: next time others come first. */
  answered(targets: readonly FetchTarget[]): void
}

interface Session {
  readonly id: number
  readonly usesTopicIds: boolean
  readonly targets: Map<string, FetchTarget>
  /** Of the next request. */
  epoch: number
  /** By {@link Clock.monotonic}. */
  lastUsed: number
}

/** Sessions that were idle for less are not given up for new ones. */
const evictableAfterMs = 120_000
const maxEpoch = 0x7fff_ffff
const finalEpoch = -1
const initialEpoch = 0
const firstIdVersion = 13
const firstSessionVersion = 7

/**
 * Fetch sessions (KIP-227): a client names its partitions once and then only what changes; the answers carry only what
 * changed. The least recently used session gives way to a new one when it has been idle for two minutes; while all are in
 * use, further clients are answered without a session.
 */
export class FetchSessions {
  readonly #sessions = new Map<number, Session>()
  readonly #slots: number
  readonly #clock: Clock
  readonly #random: Random
  #turn = 0

  constructor(options: { slots: number; clock: Clock; random: Random }) {
    this.#slots = options.slots
    this.#clock = options.clock
    this.#random = options.random
  }

  get size(): number {
    return this.#sessions.size
  }

  /** What a request asks for, or the error that it is to be answered with. */
  open(request: FetchRequest, version: number): FetchContext | { errorCode: number } {
    const { sessionId, sessionEpoch } = request
    if (version < firstSessionVersion) return this.#sessionless(request, version)
    if (sessionEpoch === finalEpoch || sessionEpoch === initialEpoch) {
      this.#sessions.delete(sessionId)
      return sessionEpoch === finalEpoch ? this.#sessionless(request, version) : this.#create(request, version)
    }
    return this.#continue(request, version)
  }

  #sessionless(request: FetchRequest, version: number): FetchContext {
    const targets = [...targetsOf(request, version).values()]
    // A different one comes first each time, so that none starves behind a full answer.
    const first = targets.length > 1 ? this.#turn++ % targets.length : 0
    return {
      sessionId: 0,
      targets: first === 0 ? targets : [...targets.slice(first), ...targets.slice(0, first)],
      isIncremental: false,
      answered: () => {},
    }
  }

  #create(request: FetchRequest, version: number): FetchContext {
    const targets = targetsOf(request, version)
    if (targets.size === 0 || !this.#makeRoom()) return this.#sessionless(request, version)
    let id = 0
    while (id === 0 || this.#sessions.has(id)) id = 1 + nextInt(this.#random, maxEpoch)
    const usesTopicIds = version >= firstIdVersion
    const session: Session = { id, usesTopicIds, targets, epoch: 1, lastUsed: this.#clock.monotonic() }
    this.#sessions.set(id, session)
    return contextOf(session, false)
  }

  #continue(request: FetchRequest, version: number): FetchContext | { errorCode: number } {
    const session = this.#sessions.get(request.sessionId)
    if (!session) return { errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND }
    if (session.epoch !== request.sessionEpoch) return { errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH }
    if (session.usesTopicIds !== version >= firstIdVersion) return { errorCode: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR }
    for (const [key, target] of targetsOf(request, version)) {
      const known = session.targets.get(key)
      if (known) {
        known.offset = target.offset
        known.maxBytes = target.maxBytes
        known.currentLeaderEpoch = target.currentLeaderEpoch
      } else session.targets.set(key, target)
    }
    for (const { topic, topicId, partitions } of request.forgottenTopicsData) {
      for (const index of partitions) session.targets.delete(keyOf(topic, topicId, index, version))
    }
    session.epoch = session.epoch === maxEpoch ? 1 : session.epoch + 1
    session.lastUsed = this.#clock.monotonic()
    // The map's order is the order of use.
    this.#sessions.delete(session.id)
    this.#sessions.set(session.id, session)
    return contextOf(session, true)
  }

  #makeRoom(): boolean {
    if (this.#sessions.size < this.#slots) return true
    const oldest = this.#sessions.values().next().value
    if (!oldest || this.#clock.monotonic() - oldest.lastUsed < evictableAfterMs) return false
    this.#sessions.delete(oldest.id)
    return true
  }
}

function contextOf(session: Session, isIncremental: boolean): FetchContext {
  return {
    sessionId: session.id,
    targets: [...session.targets.values()],
    isIncremental,
    answered: (targets) => {
      for (const target of targets) {
        const { topic, topicId, index } = target
        const key = keyOf(topic, topicId, index, session.usesTopicIds ? firstIdVersion : firstSessionVersion)
        if (session.targets.delete(key)) session.targets.set(key, target)
      }
    },
  }
}

function targetsOf({ topics }: FetchRequest, version: number): Map<string, FetchTarget> {
  const targets = new Map<string, FetchTarget>()
  for (const { topic, topicId, partitions } of topics) {
    for (const { partition: index, fetchOffset, partitionMaxBytes, currentLeaderEpoch } of partitions) {
      targets.set(keyOf(topic, topicId, index, version), {
        topic,
        topicId,
        index,
        offset: fetchOffset,
        maxBytes: partitionMaxBytes,
        currentLeaderEpoch,
        partition: undefined,
        toldHighWatermark: -1,
        toldLogStartOffset: -1,
      })
    }
  }
  return targets
}

function keyOf(topic: string, topicId: Uint8Array, index: number, version: number): string {
  return `${version >= firstIdVersion ? uuidToString(topicId) : topic}/${index}`
}
