import { boolean, int } from './key.ts'

/** Transactions. */
export const transactionKeys = {
  'transaction.max.timeout.ms': int({
    default: 900_000,
    min: 1,
    doc: 'Longest timeout that a transactional producer may ask for, in milliseconds.',
  }),
  'transactional.id.expiration.ms': int({
    default: 604_800_000,
    min: 1,
    doc: 'How long an idle transactional id is remembered, in milliseconds.',
  }),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': int({
    default: 10_000,
    min: 1,
    doc: 'How often transactions are searched for those that have timed out, in milliseconds.',
  }),
  'transaction.remove.expired.transaction.cleanup.interval.ms': int({
    default: 3_600_000,
    min: 1,
    doc: 'How often transactional ids are searched for expired ones, in milliseconds.',
  }),
  'transaction.state.log.num.partitions': int({
    default: 50,
    min: 1,
    max: 1_000,
    doc: 'Partitions of __transaction_state. Counts only when the data folder is new.',
  }),
  'transaction.state.log.replication.factor': int({
    default: 1,
    min: 1,
    max: 1,
    doc: 'Without effect: one broker holds one replica.',
  }),
  'transaction.state.log.min.isr': int({
    default: 1,
    min: 1,
    max: 1,
    doc: 'Without effect: one broker holds one replica.',
  }),
  'transaction.state.log.segment.bytes': int({
    default: 104_857_600,
    min: 1_024,
    doc: 'Segment size of __transaction_state, in bytes.',
  }),
  'transaction.partition.verification.enable': boolean({
    default: true,
    dynamic: true,
    doc: 'Whether a write of a transaction is refused when the transaction does not have its partition (KIP-890).',
  }),
  'add.partitions.to.txn.retry.backoff.max.ms': int({
    default: 100,
    min: 0,
    doc: 'How long the first write of a transaction waits for the end of the transaction before it, in milliseconds.',
  }),
} as const
