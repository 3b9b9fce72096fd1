import { assert } from '@millrace/std'
import { BatchRun } from '../log/batch-run.ts'
import type { Partition } from '../metadata/partition.ts'
import type { Client } from './registry.ts'

/** For this many partitions a connection keeps the memory for its next read. */
const maxIdle = 4

/** Hears what became of its batches. Called once for all that were added for it one after the other. */
export interface AppendTarget {
  /** Its batches are `[first, end)` of the run, which is lent until this returns. */
  appended(run: BatchRun, first: number, end: number): void
}

/** The batches for one partition, and whose they are: those of `targets[i]` begin at `firsts[i]`. */
class Gathered {
  readonly run = new BatchRun()
  readonly targets: AppendTarget[] = []
  readonly firsts: number[] = []
  transactionVersion = 0

  add(start: number, end: number, target: AppendTarget): void {
    if (this.targets.at(-1) !== target) {
      this.targets.push(target)
      this.firsts.push(this.run.count)
    }
    this.run.add(start, end)
  }

  tell(): void {
    const { targets, firsts, run } = this
    for (let i = 0; i < targets.length; i++) {
      ;(targets[i] as AppendTarget).appended(run, firsts[i] as number, firsts[i + 1] ?? run.count)
    }
  }

  clear(): void {
    this.run.release()
    this.targets.length = 0
    this.firsts.length = 0
  }
}

/** Gathers what the requests of one read append to each partition: it becomes one write. */
export class ProduceBatcher {
  readonly #client: Client
  readonly #byPartition = new Map<Partition, Gathered>()
  /** Used again: a read is usually about as large as the one before. */
  readonly #idle: Gathered[] = []

  constructor(client: Client) {
    this.#client = client
  }

  /**
   * `records` lie in the memory that the whole read is in. `transactionVersion`: see `AppendOptions`; of one read all have
   * the same.
   */
  add(partition: Partition, records: Uint8Array, target: AppendTarget, transactionVersion: number): void {
    const start = records.byteOffset
    this.addRange(partition, records.buffer, start, start + records.byteLength, target, transactionVersion)
  }

  /** The same for bytes `[start, end)` of the memory that the whole read is in. */
  addRange(
    partition: Partition,
    memory: ArrayBufferLike,
    start: number,
    end: number,
    target: AppendTarget,
    transactionVersion: number,
  ): void {
    const gathered = this.#byPartition.get(partition) ?? this.#begin(partition, memory)
    assert(gathered.run.bytes.buffer === memory, 'the requests of one read lie in one piece of memory')
    gathered.transactionVersion = transactionVersion
    gathered.add(start, end, target)
  }

  #begin(partition: Partition, memory: ArrayBufferLike): Gathered {
    if (this.#byPartition.size === 0) this.#client.atEndOfRead(this.#appendAll)
    const gathered = this.#idle.pop() ?? new Gathered()
    gathered.run.reset(new Uint8Array(memory))
    this.#byPartition.set(partition, gathered)
    return gathered
  }

  readonly #appendAll = (): void => {
    const all = [...this.#byPartition]
    this.#byPartition.clear()
    for (const [partition, gathered] of all) {
      partition.log.appendRun(gathered.run, {
        leaderEpoch: partition.leaderEpoch,
        transactionVersion: gathered.transactionVersion,
      })
      gathered.tell()
      gathered.clear()
      if (this.#idle.length < maxIdle) this.#idle.push(gathered)
    }
  }
}
