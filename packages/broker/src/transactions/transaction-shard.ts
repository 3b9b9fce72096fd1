import { type AddPartitionsRequest, decideAddPartitions } from './add-partitions.ts'
import {
  complete,
  decideEndTransaction,
  type DecisionContext,
  type EndTransactionRequest,
  fence,
} from './end-transaction.ts'
import { decideInitProducer, type InitProducerRequest } from './init-producer.ts'
import { type Decision, refuse } from './transaction-decision.ts'
import type { TransactionRecord, TransactionValue } from './transaction-record.ts'
import { isIdle, isPrepared } from './transaction-state.ts'

/**
 * The transactional ids of one partition of `__transaction_state`, as a state machine: decisions change nothing, and what
 * is durable changes only in {@link replay}. Recovery and live operation share it.
 */
export class TransactionShard {
  readonly #values = new Map<string, TransactionValue>()

  get(transactionalId: string): TransactionValue | undefined {
    return this.#values.get(transactionalId)
  }

  entries(): IterableIterator<[string, TransactionValue]> {
    return this.#values.entries()
  }

  replay({ transactionalId, value }: TransactionRecord): void {
    if (value) this.#values.set(transactionalId, value)
    else this.#values.delete(transactionalId)
  }

  /** The fewest records whose replay yields what is durable now. */
  *snapshot(): Generator<TransactionRecord> {
    for (const [transactionalId, value] of this.#values) yield { transactionalId, value }
  }

  initProducer(request: InitProducerRequest, context: DecisionContext): Decision {
    return decideInitProducer(this.get(request.transactionalId), request, context)
  }

  addPartitions(request: AddPartitionsRequest, context: DecisionContext): Decision {
    return decideAddPartitions(this.get(request.transactionalId), request, context)
  }

  endTransaction(request: EndTransactionRequest, context: DecisionContext): Decision {
    return decideEndTransaction(this.get(request.transactionalId), request, context)
  }

  /** Aborts a transaction that took too long; nothing when it has ended by now. */
  abortTimedOut(transactionalId: string, context: DecisionContext): Decision {
    const current = this.get(transactionalId)
    if (!current || !isTimedOut(current, context.now)) return refuse('NONE')
    return fence(current, { ...context, error: 'NONE' })
  }

  /** The markers of `decided` are written: the record that says so, unless it is there already. */
  complete(transactionalId: string, decided: TransactionValue, now: number): readonly TransactionRecord[] {
    const current = this.get(transactionalId)
    if (current !== decided || !isPrepared(current.state)) return []
    return [{ transactionalId, value: complete(current, now) }]
  }

  /** Open transactions that took longer than they may. */
  *timedOut(now: number): Generator<string> {
    for (const [transactionalId, value] of this.#values) if (isTimedOut(value, now)) yield transactionalId
  }

  /** Decided transactions whose markers are on their way, or were when the broker stopped. */
  *prepared(): Generator<[transactionalId: string, value: TransactionValue]> {
    for (const entry of this.#values) if (isPrepared(entry[1].state)) yield entry
  }

  /** Forgets transactional ids that nobody has used since `before`, milliseconds since the epoch. */
  expire(before: number): readonly TransactionRecord[] {
    const records: TransactionRecord[] = []
    for (const [transactionalId, { state, lastUpdateTimestamp }] of this.#values) {
      if (isIdle(state) && lastUpdateTimestamp <= before) records.push({ transactionalId, value: null })
    }
    return records
  }
}

/** The timeout of a transaction that another system decides (KIP-939): there is none. */
const noTimeout = 0x7fff_ffff

function isTimedOut({ state, startTimestamp, timeoutMs }: TransactionValue, now: number): boolean {
  return state === 'Ongoing' && timeoutMs !== noTimeout && startTimestamp + timeoutMs < now
}
