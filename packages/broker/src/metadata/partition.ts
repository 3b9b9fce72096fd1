import type { EpochEndOffset } from '../log/leader-epochs.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { Placement } from './brokers.ts'
import type { Topic } from './topic-catalog.ts'

/** Wants to know when consumers can see more of a partition, or when it goes away, to another broker or for good. */
export interface PartitionWatcher {
  partitionChanged(partition: Partition): void
}

/** Opens the logs of partitions. */
export interface LogOpener {
  open(partition: Partition): PartitionLog
}

/** One partition of a topic with its log, and the fetches that wait for more. */
export class Partition {
  readonly topic: Topic
  readonly index: number
  /** The brokers that have it. The first should lead. */
  readonly replicas: readonly number[]
  /** Those of them that are up to date. */
  isr: readonly number[]
  /** The broker to read from and write to; -1 when none can be. */
  leaderId: number
  /** How often the leader has changed (KIP-320). */
  leaderEpoch: number
  readonly #opener: LogOpener
  #log: PartitionLog | undefined
  #watchers: Set<PartitionWatcher> | undefined
  /** The topic was deleted. */
  isDeleted = false

  /** `log`: undefined when it is not open yet. */
  constructor(
    topic: Topic,
    index: number,
    { replicas, isr, log, opener }: Placement & { log: PartitionLog | undefined; opener: LogOpener },
  ) {
    this.topic = topic
    this.index = index
    this.#log = log
    this.#opener = opener
    this.replicas = replicas
    this.isr = isr
    this.leaderId = isr[0] ?? -1
    this.leaderEpoch = Math.max(0, log?.leaderEpochs.at(-1)?.epoch ?? 0)
  }

  /** Its log, opened when it is first asked for. */
  get log(): PartitionLog {
    this.#log ??= this.#opener.open(this)
    return this.#log
  }

  /** Its log if it was used, which is empty otherwise. */
  get openLog(): PartitionLog | undefined {
    return this.#log
  }

  /**
   * Whether a write that wants all replicas may be taken: `min.insync.replicas` of them are up to date, or all where there
   * are fewer (KIP-966).
   */
  get hasEnoughReplicas(): boolean {
    return this.isr.length >= Math.min(this.topic.config['min.insync.replicas'], this.replicas.length)
  }

  /** Where a leader epoch ended (KIP-320); that of the present leader ends where the log does. */
  endOffsetForEpoch(epoch: number): EpochEndOffset {
    const { log, leaderEpoch } = this
    if (epoch === leaderEpoch) return { epoch, endOffset: log.endOffset }
    // Nothing was written in epochs that the log does not know.
    return log.endOffsetForEpoch(epoch < leaderEpoch ? Math.min(epoch, log.leaderEpochs.at(-1)?.epoch ?? -1) : epoch)
  }

  /** Another broker leads from now on, in the next epoch; -1: none. Who waits for more at the one before is told. */
  lead(id: number): void {
    if (id === this.leaderId) return
    this.leaderId = id
    this.leaderEpoch++
    this.changed()
  }

  watch(watcher: PartitionWatcher): void {
    this.#watchers ??= new Set()
    this.#watchers.add(watcher)
  }

  unwatch(watcher: PartitionWatcher): void {
    this.#watchers?.delete(watcher)
  }

  /** The high watermark has moved, or the leader; or the partition is deleted. */
  changed(): void {
    if (!this.#watchers?.size) return
    for (const watcher of [...this.#watchers]) watcher.partitionChanged(this)
  }
}
