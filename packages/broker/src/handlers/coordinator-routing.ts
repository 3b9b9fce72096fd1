/**
 * With several brokers a group, or a transactional id, has its coordinator: any other broker refuses what is asked about it
 * with NOT_COORDINATOR, and lists only its own. A broker that is alone coordinates all, and nothing of this is in its way.
 */
import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  type Api,
  ConsumerGroupDescribe,
  ConsumerGroupHeartbeat,
  DeleteGroups,
  DescribeGroups,
  DescribeTransactions,
  EndTxn,
  ErrorCode,
  Heartbeat,
  InitProducerId,
  JoinGroup,
  LeaveGroup,
  ListGroups,
  ListTransactions,
  OffsetCommit,
  OffsetDelete,
  OffsetFetch,
  type RequestOf,
  type ResponseInputOf,
  SyncGroup,
  TxnOffsetCommit,
} from '@millrace/kafka'
import type { Coordinated, Coordinators } from './coordinators.ts'
import { RespondingExchange } from './responding-exchange.ts'
import { partsOf, type Parts, serveParts } from './partial-answer.ts'
import type { Exchange, HandlerRegistry, Registration } from './registry.ts'

/** Where a request says what it is about. */
interface Route {
  readonly kind: Coordinated
  /** The fields of the request that can name it; null and undefined: it is about none. */
  readonly keys?: readonly string[]
  /** A list of it, of which each is answered for itself. */
  readonly parts?: Parts
  /** A list of it in the answer: only the broker's own are told. */
  readonly listed?: string
}

const ofGroup: Route = { kind: 'group', keys: ['groupId'] }
const ofTransaction: Route = { kind: 'transaction', keys: ['transactionalId'] }

const routes: Readonly<Record<number, Route>> = {
  [JoinGroup.key]: ofGroup,
  [SyncGroup.key]: ofGroup,
  [Heartbeat.key]: ofGroup,
  [LeaveGroup.key]: ofGroup,
  [OffsetCommit.key]: ofGroup,
  [OffsetDelete.key]: ofGroup,
  [TxnOffsetCommit.key]: ofGroup,
  [ConsumerGroupHeartbeat.key]: ofGroup,
  [OffsetFetch.key]: { ...ofGroup, parts: { request: 'groups', response: 'groups' } },
  [DescribeGroups.key]: { kind: 'group', parts: { request: 'groups', response: 'groups' } },
  [ConsumerGroupDescribe.key]: { kind: 'group', parts: { request: 'groupIds', response: 'groups' } },
  [DeleteGroups.key]: { kind: 'group', parts: { request: 'groupsNames', response: 'results' } },
  [ListGroups.key]: { kind: 'group', listed: 'groups' },
  [InitProducerId.key]: ofTransaction,
  [AddOffsetsToTxn.key]: ofTransaction,
  [EndTxn.key]: ofTransaction,
  // From version 4 on only brokers ask, who share a process here.
  [AddPartitionsToTxn.key]: { kind: 'transaction', keys: ['v3AndBelowTransactionalId'] },
  [DescribeTransactions.key]: {
    kind: 'transaction',
    parts: { request: 'transactionalIds', response: 'transactionStates' },
  },
  [ListTransactions.key]: { kind: 'transaction', listed: 'transactionStates' },
}

type Fields = Readonly<Record<string, unknown>>

/** Puts the check before every handler that coordinates. */
export function routeToCoordinators(registry: HandlerRegistry, coordinators: Coordinators): void {
  for (const registration of registry.all()) {
    const route = routes[registration.api.key]
    if (route) registry.register(routed(registration, route, coordinators))
  }
}

function routed(registration: Registration, route: Route, coordinators: Coordinators): Registration {
  const { kind, keys = [], listed, parts } = route
  const isElsewhere = (key: string, { client }: Exchange) => coordinators.idOf(kind, key) !== client.nodeId
  return {
    ...registration,
    serve(request, exchange) {
      if (listed !== undefined) {
        const own = ownOnly(listed, (key) => !isElsewhere(key, exchange))
        return registration.serve(request, new RespondingExchange(exchange, own))
      }
      const found = parts && partsOf([parts], request)
      if (found) {
        const refuse = (part: unknown) =>
          isElsewhere(keyOf(part), exchange) ? ErrorCode.NOT_COORDINATOR : ErrorCode.NONE
        return serveParts(registration, request, exchange, { ...found, refuse })
      }
      const key = keyIn(request, keys)
      if (key === undefined || !isElsewhere(key, exchange)) return registration.serve(request, exchange)
      exchange.respond(registration.errorResponse(request, ErrorCode.NOT_COORDINATOR, exchange.version))
    },
  }
}

function ownOnly(field: string, isOwn: (key: string) => boolean) {
  return (body: ResponseInputOf<Api>): ResponseInputOf<Api> => {
    const all = (body as Fields)[field] as readonly unknown[]
    return { ...body, [field]: all.filter((item) => isOwn(keyOf(item))) } as ResponseInputOf<Api>
  }
}

function keyIn(request: RequestOf<Api>, fields: readonly string[]): string | undefined {
  for (const field of fields) {
    const value = (request as Fields)[field]
    if (typeof value === 'string') return value
  }
  return undefined
}

function keyOf(part: unknown): string {
  if (typeof part === 'string') return part
  const { groupId, transactionalId } = part as { groupId?: string; transactionalId?: string }
  return groupId ?? transactionalId ?? ''
}
