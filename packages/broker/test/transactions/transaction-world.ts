import { ManualClock } from '@millrace/testing'
import { silentLogger } from '../../src/logger.ts'
import type { TransactionMarker } from '../../src/journal/journal.ts'
import type { MarkerOutcome } from '../../src/transactions/marker-sender.ts'
import { TransactionCoordinator } from '../../src/transactions/transaction-coordinator.ts'
import { decodeTransactionRecord } from '../../src/transactions/transaction-record-codec.ts'
import { TransactionShard } from '../../src/transactions/transaction-shard.ts'
import { isIdle } from '../../src/transactions/transaction-state.ts'
import { MemoryJournal } from './memory-journal.ts'

export const timeoutMs = 60_000
export const topic = 't'

/** A record of transaction `tag`, or the marker that ends what its producer has open. */
type LogEntry =
  | { kind: 'record'; producerId: number; epoch: number; tag: number }
  | { kind: 'marker'; producerId: number; epoch: number; commit: boolean }

/** A partition as the coordinator sees it: the rules of the log, and what a crash does to it. */
export class WorldPartition {
  entries: LogEntry[] = []
  #durable = 0
  #waiting: (() => void)[] = []
  /** Can be written to. */
  isAvailable = true

  append(producerId: number, epoch: number, tag: number, durable: () => void): boolean {
    if (!this.isAvailable || epoch < this.#producer(producerId).epoch) return false
    this.entries.push({ kind: 'record', producerId, epoch, tag })
    this.#waiting.push(durable)
    return true
  }

  mark(marker: TransactionMarker, done: (outcome: MarkerOutcome) => void): void {
    if (!this.isAvailable) return done('unavailable')
    const { epoch, isOpen } = this.#producer(marker.producerId)
    const isNewer = marker.producerEpoch > epoch
    const isSame = marker.producerEpoch === epoch
    const isTaken = marker.transactionVersion >= 2 ? isNewer || (isSame && !isOpen) : isNewer || isSame
    // The partition is past that transaction.
    if (!isTaken) return done('ended')
    this.entries.push({
      kind: 'marker',
      producerId: marker.producerId,
      epoch: marker.producerEpoch,
      commit: marker.commit,
    })
    this.#waiting.push(() => done('ended'))
  }

  flush(): void {
    this.#durable = this.entries.length
    for (const callback of this.#waiting.splice(0)) callback()
  }

  crash(kept: number): void {
    this.#waiting = []
    this.entries.length = Math.min(this.entries.length, this.#durable + kept)
    this.#durable = this.entries.length
  }

  /** What became of the records: `undefined` while nothing has ended their transaction. */
  outcomes(): { tag: number; commit: boolean | undefined }[] {
    return this.entries.flatMap((entry, i) => {
      if (entry.kind === 'marker') return []
      const end = this.entries
        .slice(i)
        .find((other) => other.kind === 'marker' && other.producerId === entry.producerId)
      return [{ tag: entry.tag, commit: end?.kind === 'marker' ? end.commit : undefined }]
    })
  }

  #producer(producerId: number): { epoch: number; isOpen: boolean } {
    const last = this.entries.findLast((entry) => entry.producerId === producerId)
    return last ? { epoch: last.epoch, isOpen: last.kind === 'record' } : { epoch: -1, isOpen: false }
  }
}

/** A broker's transactions, on devices that fail, with producers that come back and zombies that do not know. */
export class TransactionWorld {
  readonly clock = new ManualClock()
  readonly journals = [new MemoryJournal(), new MemoryJournal()]
  readonly partitions = [new WorldPartition(), new WorldPartition(), new WorldPartition()]
  coordinator: TransactionCoordinator
  #nextProducerId = 0
  /** Counts restarts: who was asked before does not answer any more. */
  generation = 0

  constructor() {
    this.coordinator = this.#start()
  }

  #start(): TransactionCoordinator {
    const generation = this.generation
    return new TransactionCoordinator({
      openJournals: () => Promise.resolve(this.journals),
      nextProducerId: () => Promise.resolve(this.#nextProducerId++),
      markers: {
        write: ({ partition }, marker, done) => {
          this.partitions[partition]?.mark(marker, (outcome) => {
            if (generation === this.generation) done(outcome)
          })
        },
      },
      clock: this.clock,
      timers: this.clock,
      logger: silentLogger,
      settings: {
        maxTimeoutMs: timeoutMs,
        expirationMs: 1_000_000_000,
        abortIntervalMs: 10_000,
        expireIntervalMs: 100_000_000,
        addWaitMs: 100,
      },
    })
  }

  /** `kept`: how much of what was not flushed survives, one number for each device. */
  async crash(kept: readonly number[]): Promise<void> {
    this.coordinator.close()
    this.generation++
    const devices = [...this.journals, ...this.partitions]
    for (const [i, device] of devices.entries()) device.crash(kept[i] ?? 0)
    this.coordinator = this.#start()
    await this.coordinator.ready()
  }

  flushAll(): void {
    for (const device of [...this.journals, ...this.partitions]) device.flush()
  }

  /** Lets promises run. */
  async settle(): Promise<void> {
    for (let i = 0; i < 30; i++) await Promise.resolve()
  }

  /** Everything works again, and whatever was begun comes to its end. */
  async quiesce(): Promise<void> {
    for (const partition of this.partitions) partition.isAvailable = true
    for (const journal of this.journals) journal.isFull = false
    for (let i = 0; i < 60; i++) {
      this.flushAll()
      await this.settle()
      this.clock.advance(10_000)
      await this.settle()
    }
  }

  isQuiet(): boolean {
    return this.journals.every((journal) => [...shardOf(journal).entries()].every(([, { state }]) => isIdle(state)))
  }

  /** What a restart would find. */
  recovered(): Map<string, unknown> {
    const all = new Map<string, unknown>()
    for (const journal of this.journals) {
      // Not stored by Kafka's records: a restart does not know it.
      for (const [id, value] of shardOf(journal).entries()) all.set(id, { ...value, lastProducerEpoch: -1 })
    }
    return all
  }
}

function shardOf(journal: MemoryJournal): TransactionShard {
  const shard = new TransactionShard()
  journal.replay({
    record(entry) {
      const record = decodeTransactionRecord(entry)
      if (record) shard.replay(record)
    },
  })
  return shard
}
