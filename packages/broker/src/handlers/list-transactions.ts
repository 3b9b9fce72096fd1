/**
 * ListTransactions (66): the transactional ids that the coordinator knows, by state, producer id, from version 1 on by how long
 * they have been open (KIP-994), from version 2 on by a pattern (KIP-1152).
 */
import { ErrorCode, ListTransactions } from '@millrace/kafka'
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
      const states = stateFilters.filter(isState)
      const found = await coordinate(
        transactions.list({
          states: new Set(states),
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

/** Undefined for a pattern that is none. */
function matcherOf(pattern: string | null): ((transactionalId: string) => boolean) | undefined {
  if (pattern === null || pattern === '') return () => true
  try {
    const whole = new RegExp(`^(?:${pattern})$`, 'u')
    return (transactionalId) => whole.test(transactionalId)
  } catch {
    return undefined
  }
}

function failed(errorCode: number) {
  return { errorCode, unknownStateFilters: [], transactionStates: [] }
}
