/**
 * ListTransactions (66): the transactional ids that the coordinator knows, by state, producer id, from version 1 on by how long
 * they have been open (KIP-994), from version 2 on by a pattern (KIP-1152).
 */
import { ErrorCode, ListTransactions } from '@millrace/kafka'
import { parseTopicPattern, TopicPatternError } from '../groups/topic-pattern/topic-pattern.ts'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import { transactionEdges, type TransactionState } from '../transactions/transaction-state.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerListTransactions(registry: HandlerRegistry, transactions: TransactionCoordinator): void {
  registry.registerSimple({
    api: ListTransactions,
    versions: [0, 2],
    async handle({ stateFilters, producerIdFilters, durationFilter, transactionalIdPattern }) {
      const matchesId = matcherOf(transactionalIdPattern)
      if (!matchesId) return failed(ErrorCode.INVALID_REGULAR_EXPRESSION)
      const found = await coordinate(
        transactions.list({
          states: stateFilters.length > 0 ? new Set(stateFilters.filter(isState)) : undefined,
          producerIds: new Set(producerIdFilters),
          minDurationMs: durationFilter,
          matchesId,
        }),
      )
      return {
        unknownStateFilters: stateFilters.filter((name) => !isState(name)),
        transactionStates: found.map(({ transactionalId, value }) => ({
          transactionalId,
          producerId: value.producerId,
          transactionState: value.state,
        })),
      }
    },
    errorResponse: (_request, errorCode) => failed(errorCode),
  })
}

function isState(name: string): name is TransactionState {
  return Object.hasOwn(transactionEdges, name)
}

/** Undefined for a pattern that is none. The whole id has to match (RE2's syntax). */
function matcherOf(pattern: string | null): ((transactionalId: string) => boolean) | undefined {
  if (pattern === null || pattern === '') return () => true
  try {
    const parsed = parseTopicPattern(pattern)
    return (transactionalId) => parsed.match(transactionalId).isMatch
  } catch (cause) {
    if (cause instanceof TopicPatternError) return undefined
    throw cause
  }
}

function failed(errorCode: number) {
  return { errorCode, unknownStateFilters: [], transactionStates: [] }
}
