import type { FetchRequestInput, FetchResponse } from '../../definitions/index.ts'
import { ErrorCode } from '../../errors/index.ts'
import { uuidKey } from '../cluster/metadata.ts'
import { partitionKey } from './subscription.ts'

/** What is asked of one partition. */
export interface FetchTarget {
  readonly topic: string
  readonly topicId: Uint8Array | undefined
  readonly partition: number
  readonly fetchOffset: number
  readonly currentLeaderEpoch: number
  readonly partitionMaxBytes: number
}

type RequestTopics = FetchRequestInput['topics']
type ForgottenTopics = NonNullable<FetchRequestInput['forgottenTopicsData']>

/** The part of a request that the session decides. */
export interface SessionRequest {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly topics: RequestTopics
  readonly forgottenTopicsData: ForgottenTopics
}

const NO_SESSION = 0
/** Asks for a session, or for a new one instead of the one that is named. */
const FIRST_EPOCH = 0
const LAST_EPOCH = -1
const MAX_EPOCH = 0x7fff_ffff

/**
 * An incremental fetch session with one broker (KIP-227): the broker remembers which partitions are read from where, so
 * that a request names only what changed, and an answer only what has news. One connection has one; after a failure the
 * next request is a full one, which replaces the session.
 */
export class FetchSession {
  #id = NO_SESSION
  #epoch = FIRST_EPOCH
  /** What the broker remembers, by topic and partition. */
  readonly #sent = new Map<string, FetchTarget>()
  /** Sessions know topics by names or by ids, never both. */
  #byIds = false

  get isOpen(): boolean {
    return this.#id !== NO_SESSION
  }

  /** The next request for exactly these partitions. */
  request(targets: readonly FetchTarget[], { byIds }: { byIds: boolean }): SessionRequest {
    if (byIds !== this.#byIds) this.failed()
    this.#byIds = byIds
    const isFull = this.#epoch === FIRST_EPOCH
    if (isFull) this.#sent.clear()
    const topics = new Grouping<FetchTarget>()
    const wanted = new Set<string>()
    const forgotten = new Grouping<FetchTarget>()
    for (const target of targets) {
      const key = partitionKey(target)
      wanted.add(key)
      const before = this.#sent.get(key)
      if (before && uuidKey(before.topicId) !== uuidKey(target.topicId)) forgotten.add(before)
      if (!before || differs(before, target)) topics.add(target)
      this.#sent.set(key, target)
    }
    for (const [key, target] of this.#sent) {
      if (wanted.has(key)) continue
      forgotten.add(target)
      this.#sent.delete(key)
    }
    return {
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      topics: topics.map((topic, topicId, ofTopic) => ({ topic, topicId, partitions: ofTopic.map(toRequest) })),
      forgottenTopicsData: forgotten.map((topic, topicId, ofTopic) => {
        return { topic, topicId, partitions: ofTopic.map(({ partition }) => partition) }
      }),
    }
  }

  /** The request that tells the broker to forget the session. */
  closing(): Pick<SessionRequest, 'sessionId' | 'sessionEpoch'> {
    return { sessionId: this.#id, sessionEpoch: LAST_EPOCH }
  }

  /** False when the broker did not accept the session: the same partitions have to be asked for again. */
  answered(response: Pick<FetchResponse, 'errorCode' | 'sessionId'>): boolean {
    switch (response.errorCode) {
      case ErrorCode.NONE:
        // A broker may have no room for sessions, or make room by ending this one.
        this.#id = response.sessionId
        this.#epoch = this.isOpen ? (this.#epoch === MAX_EPOCH ? 1 : this.#epoch + 1) : FIRST_EPOCH
        return true
      case ErrorCode.FETCH_SESSION_ID_NOT_FOUND:
        this.#id = NO_SESSION
        this.#epoch = FIRST_EPOCH
        return false
      case ErrorCode.INVALID_FETCH_SESSION_EPOCH:
      case ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR:
        this.failed()
        return false
      default:
        this.failed()
        return true
    }
  }

  /** Nobody knows what the broker remembers: all is said again, in a session that replaces this one. */
  failed(): void {
    this.#epoch = FIRST_EPOCH
  }
}

function differs(a: FetchTarget, b: FetchTarget): boolean {
  return (
    a.fetchOffset !== b.fetchOffset ||
    a.currentLeaderEpoch !== b.currentLeaderEpoch ||
    a.partitionMaxBytes !== b.partitionMaxBytes ||
    uuidKey(a.topicId) !== uuidKey(b.topicId)
  )
}

function toRequest({ partition, fetchOffset, currentLeaderEpoch, partitionMaxBytes }: FetchTarget) {
  return { partition, fetchOffset, currentLeaderEpoch, partitionMaxBytes }
}

/** Partitions by topic, in the order in which topics came. */
class Grouping<T extends { topic: string; topicId: Uint8Array | undefined }> {
  readonly #byTopic = new Map<string, T[]>()

  add(entry: T): void {
    const ofTopic = this.#byTopic.get(entry.topic)
    if (ofTopic) ofTopic.push(entry)
    else this.#byTopic.set(entry.topic, [entry])
  }

  map<R>(make: (topic: string, topicId: Uint8Array | undefined, entries: readonly T[]) => R): R[] {
    return [...this.#byTopic].map(([topic, entries]) => make(topic, entries[0]?.topicId, entries))
  }
}
