/**
 * Requests that are about several things, each answered for itself: of some of them this broker can be the wrong one to
 * ask. Those are refused, the rest is served, and the client gets one answer.
 */
import {
  AddPartitionsToTxn,
  type Api,
  CreatePartitions,
  CreateTopics,
  DeleteRecords,
  DeleteTopics,
  DescribeProducers,
  DescribeTopicPartitions,
  ErrorCode,
  Fetch,
  ListOffsets,
  Metadata,
  OffsetCommit,
  OffsetDelete,
  OffsetForLeaderEpoch,
  Produce,
  type RequestOf,
  type ResponseInputOf,
  TxnOffsetCommit,
} from '@millrace/kafka'
import { RespondingExchange } from './responding-exchange.ts'
import type { Exchange, Registration } from './registry.ts'

/** The fields in which a request lists its parts, and its answer theirs. */
export interface Parts {
  readonly request: string
  readonly response: string
}

const topicParts: Readonly<Record<number, readonly Parts[]>> = {
  [Produce.key]: [{ request: 'topicData', response: 'responses' }],
  [Fetch.key]: [{ request: 'topics', response: 'responses' }],
  [ListOffsets.key]: [{ request: 'topics', response: 'topics' }],
  [Metadata.key]: [{ request: 'topics', response: 'topics' }],
  [OffsetCommit.key]: [{ request: 'topics', response: 'topics' }],
  [OffsetDelete.key]: [{ request: 'topics', response: 'topics' }],
  [TxnOffsetCommit.key]: [{ request: 'topics', response: 'topics' }],
  [OffsetForLeaderEpoch.key]: [{ request: 'topics', response: 'topics' }],
  [DescribeProducers.key]: [{ request: 'topics', response: 'topics' }],
  [DescribeTopicPartitions.key]: [{ request: 'topics', response: 'topics' }],
  [DeleteRecords.key]: [{ request: 'topics', response: 'topics' }],
  [CreateTopics.key]: [{ request: 'topics', response: 'topics' }],
  [CreatePartitions.key]: [{ request: 'topics', response: 'results' }],
  [DeleteTopics.key]: [
    { request: 'topics', response: 'responses' },
    { request: 'topicNames', response: 'responses' },
  ],
  [AddPartitionsToTxn.key]: [{ request: 'v3AndBelowTopics', response: 'resultsByTopicV3AndBelow' }],
}

type NameOf = (topicId: Uint8Array) => string | undefined
type Fields = Readonly<Record<string, unknown>>

/** Whether requests of an API name topics. */
export function namesTopics(apiKey: number): boolean {
  return topicParts[apiKey] !== undefined
}

/** The topics that a request names, or undefined when it names none. */
export function topicsOf(api: Api, request: RequestOf<Api>, nameOf: NameOf): readonly string[] | undefined {
  const listed = partsOf(topicParts[api.key], request)
  return listed?.items.map((part) => topicName(part, nameOf))
}

/** Serves the topics of a request that are not in `refused`; undefined: none. */
export function refuseTopics(
  registration: Registration,
  request: RequestOf<Api>,
  exchange: Exchange,
  { errorCode, refused, nameOf }: { errorCode: number; refused: readonly string[] | undefined; nameOf: NameOf },
): void | Promise<void> {
  const listed = partsOf(topicParts[registration.api.key], request)
  if (listed) {
    const refuse = (part: unknown) =>
      !refused || refused.includes(topicName(part, nameOf)) ? errorCode : ErrorCode.NONE
    return serveParts(registration, request, exchange, { ...listed, refuse })
  }
  if (refused) return registration.serve(request, exchange)
  exchange.respond(registration.errorResponse(request, errorCode, exchange.version))
}

/** Serves the parts of a request that `refuse` finds nothing against. */
export function serveParts(
  registration: Registration,
  request: RequestOf<Api>,
  exchange: Exchange,
  { parts, items, refuse }: { parts: Parts; items: readonly unknown[]; refuse: (part: unknown) => number },
): void | Promise<void> {
  const byError = Map.groupBy(items, refuse)
  const served = byError.get(ErrorCode.NONE) ?? []
  if (served.length === items.length) return registration.serve(request, exchange)
  byError.delete(ErrorCode.NONE)
  const onlyWith = (some: readonly unknown[]) => ({ ...request, [parts.request]: some }) as RequestOf<Api>
  const refused = [...byError].flatMap(([errorCode, some]) =>
    listIn(registration.errorResponse(onlyWith(some), errorCode, exchange.version), parts.response),
  )
  const withRefused = (body: ResponseInputOf<Api>) =>
    ({ ...body, [parts.response]: [...listIn(body, parts.response), ...refused] }) as ResponseInputOf<Api>
  const merging = new RespondingExchange(exchange, withRefused)
  if (registration.api.key === Fetch.key) {
    // The rest has nothing new for now: to be told of an error, a client is not left waiting.
    const rest = registration.errorResponse(onlyWith(served), ErrorCode.NONE, exchange.version)
    merging.respond({ ...rest, errorCode: ErrorCode.NONE } as ResponseInputOf<Api>)
  } else if ('acks' in request && request.acks === 0) exchange.abort('a produce with acks=0 was refused')
  // The brokers are told whatever becomes of the topics.
  else if (served.length > 0 || registration.api.key === Metadata.key) {
    return registration.serve(onlyWith(served), merging)
  } else merging.respond(registration.errorResponse(onlyWith([]), ErrorCode.NONE, exchange.version))
}

/** The first list of the request that has something in it. */
export function partsOf(fields: readonly Parts[] | undefined, request: RequestOf<Api>) {
  for (const parts of fields ?? []) {
    const items = (request as Fields)[parts.request]
    if (Array.isArray(items) && items.length > 0) return { parts, items: items as readonly unknown[] }
  }
  return undefined
}

function topicName(part: unknown, nameOf: NameOf): string {
  if (typeof part === 'string') return part
  const { name, topic, topicId } = part as { name?: string | null; topic?: string; topicId?: Uint8Array }
  return name || topic || (topicId && nameOf(topicId)) || ''
}

function listIn(body: ResponseInputOf<Api>, field: string): readonly unknown[] {
  return (body as Fields)[field] as readonly unknown[]
}
