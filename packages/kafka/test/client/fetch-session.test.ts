import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FetchSession, type FetchTarget, type SessionRequest } from '../../src/client/consumer/fetch-session.ts'
import { uuidKey } from '../../src/client/cluster/metadata.ts'
import { ErrorCode } from '../../src/errors/index.ts'

/** The broker's side of KIP-227: what it would read for a request. */
class BrokerSessions {
  readonly sessions = new Map<number, { epoch: number; partitions: Map<string, number> }>()
  #nextId = 1
  hasRoom = true

  serve({ sessionId, sessionEpoch, topics, forgottenTopicsData }: SessionRequest) {
    const asked = topics.flatMap(({ topicId, topic, partitions }) =>
      partitions.map((p) => [`${uuidKey(topicId)}/${topic}/${p.partition}`, p.fetchOffset] as const),
    )
    if (sessionEpoch === 0) {
      this.sessions.delete(sessionId)
      if (!this.hasRoom) return { errorCode: 0, sessionId: 0, reads: new Map(asked) }
      const id = this.#nextId++
      this.sessions.set(id, { epoch: 1, partitions: new Map(asked) })
      return { errorCode: 0, sessionId: id, reads: new Map(asked) }
    }
    const session = this.sessions.get(sessionId)
    if (!session) return { errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, sessionId: 0 }
    if (session.epoch !== sessionEpoch) return { errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH, sessionId: 0 }
    session.epoch++
    for (const { topicId, topic, partitions } of forgottenTopicsData) {
      for (const partition of partitions) session.partitions.delete(`${uuidKey(topicId)}/${topic}/${partition}`)
    }
    for (const [key, offset] of asked) session.partitions.set(key, offset)
    return { errorCode: 0, sessionId, reads: new Map(session.partitions) }
  }
}

const ids = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)]
const target = fc.record({
  topic: fc.constantFrom('a', 'b'),
  partition: fc.nat(3),
  fetchOffset: fc.nat(3),
})

function toTargets(
  chosen: readonly { topic: string; partition: number; fetchOffset: number; id: number }[],
): FetchTarget[] {
  return chosen.map(({ topic, partition, fetchOffset, id }) => ({
    topic,
    topicId: ids[id],
    partition,
    fetchOffset,
    currentLeaderEpoch: 0,
    partitionMaxBytes: 100,
  }))
}

const step = fc.record({
  targets: fc.uniqueArray(target, { minLength: 1, maxLength: 6, selector: (t) => `${t.topic}-${t.partition}` }),
  /** A topic that was made anew has another id. */
  idOf: fc.record({ a: fc.nat(1), b: fc.nat(1) }),
  // What happens after the broker served the request, or instead of it.
  event: fc.constantFrom('answer', 'answer', 'answer', 'lostRequest', 'lostAnswer', 'evicted', 'noRoom'),
})

describe('FetchSession', () => {
  it('makes the broker read exactly the partitions of each request, whatever gets lost', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const session = new FetchSession()
        const broker = new BrokerSessions()
        for (const { targets, idOf, event } of steps) {
          const wanted = toTargets(targets.map((each) => ({ ...each, id: idOf[each.topic as 'a' | 'b'] })))
          broker.hasRoom = event !== 'noRoom'
          if (event === 'evicted') broker.sessions.clear()
          if (event === 'lostRequest') {
            session.request(wanted, { byIds: true })
            session.failed()
            continue
          }
          let answer = broker.serve(session.request(wanted, { byIds: true }))
          if (event === 'lostAnswer') {
            session.failed()
            continue
          }
          // Refused once at most: then it is a full request.
          if (!session.answered(answer)) {
            answer = broker.serve(session.request(wanted, { byIds: true }))
            expect(session.answered(answer)).toBe(true)
          }
          const expected = wanted.map((t) => [`${uuidKey(t.topicId)}/${t.topic}/${t.partition}`, t.fetchOffset])
          expect(new Map(answer.reads)).toEqual(new Map(expected as [string, number][]))
        }
        // What the broker still remembers of sessions that were replaced would be a leak.
        expect(broker.sessions.size).toBeLessThanOrEqual(1 + steps.filter(({ event }) => event === 'lostAnswer').length)
      }),
    )
  })

  it('names only what changed', () => {
    const session = new FetchSession()
    const [a, b, c] = toTargets([
      { topic: 'a', partition: 0, fetchOffset: 0, id: 0 },
      { topic: 'a', partition: 1, fetchOffset: 0, id: 0 },
      { topic: 'b', partition: 0, fetchOffset: 0, id: 1 },
    ]) as [FetchTarget, FetchTarget, FetchTarget]
    expect(session.request([a, b], { byIds: true })).toMatchObject({ sessionId: 0, sessionEpoch: 0 })
    session.answered({ errorCode: 0, sessionId: 9 })
    const next = session.request([{ ...a, fetchOffset: 5 }, c], { byIds: true })
    expect(next).toMatchObject({
      sessionId: 9,
      sessionEpoch: 1,
      topics: [
        { topic: 'a', partitions: [{ partition: 0, fetchOffset: 5 }] },
        { topic: 'b', partitions: [{ partition: 0 }] },
      ],
      forgottenTopicsData: [{ topic: 'a', partitions: [1] }],
    })
    session.answered({ errorCode: 0, sessionId: 9 })
    const idle = session.request([{ ...a, fetchOffset: 5 }, c], { byIds: true })
    expect(idle).toMatchObject({ sessionEpoch: 2, topics: [], forgottenTopicsData: [] })
  })

  it('starts over when topics go by names instead of ids', () => {
    const session = new FetchSession()
    const targets = toTargets([{ topic: 'a', partition: 0, fetchOffset: 0, id: 0 }])
    session.request(targets, { byIds: false })
    session.answered({ errorCode: 0, sessionId: 9 })
    expect(session.request(targets, { byIds: true })).toMatchObject({ sessionId: 9, sessionEpoch: 0, topics: [{}] })
  })
})
