import type { IsolationLevel } from '@millrace/kafka'

/** How sure a client is of what it asked for: `unknown` when the answer was an error that leaves it open. */
export type Outcome = 'pending' | 'yes' | 'no' | 'unknown'

export type ProducerKind = 'plain' | 'idempotent' | 'transactional'

/** One record that a producer was asked to write. Its value occurs once in a history. */
export interface Sent {
  readonly value: string
  readonly topic: string
  readonly partition: number
  readonly producer: ProducerRun
  /** The transaction that it belongs to. */
  readonly transaction: Transaction | undefined
  /** In the order of the calls of its producer. */
  readonly order: number
  outcome: Outcome
  /** Where the producer was told that it is; -1 when it was not told. */
  offset: number
}

/** A producer from its start to its end; one that follows it under the same transactional id is another. */
export interface ProducerRun {
  readonly name: string
  readonly kind: ProducerKind
}

export interface Transaction {
  readonly name: string
  readonly records: Sent[]
  /** Whether it was committed: `no` when it was aborted or is known to have failed. */
  outcome: Outcome
}

/** What one reader was given, from its start to its end, without a gap that it knows of. */
export interface Reading {
  readonly name: string
  readonly isolation: IsolationLevel
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly records: { readonly offset: number; readonly value: string }[]
  /** Where it would read on. */
  position: number
}

/** A position that somebody committed for a group: positions of one name only grow. */
export interface CommitRun {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** The largest offset of which the commit was acknowledged, and the largest that was ever sent. */
  acknowledged: number
  attempted: number
  /** What a fetch of the offset found at the end. */
  found: number
}

/** What a group has copied from one topic to another: all before these positions, by partition. */
export interface CopyRun {
  readonly group: string
  readonly found: Map<number, number>
}

/** What the members of a group have read, and how far it has committed that it has. By partition. */
export interface GroupRun {
  readonly group: string
  readonly protocol: 'classic' | 'consumer'
  readonly read: Map<number, Set<number>>
  readonly found: Map<number, number>
}

/** All that clients did and were told. */
export class History {
  readonly sent: Sent[] = []
  readonly transactions: Transaction[] = []
  readonly readings: Reading[] = []
  readonly commits: CommitRun[] = []
  readonly copies: CopyRun[] = []
  readonly groups: GroupRun[] = []
  /** What a client was told that no broker may say. */
  readonly wrong: string[] = []
}
