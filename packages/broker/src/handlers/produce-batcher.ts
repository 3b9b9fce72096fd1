import type { AppendResult } from '../log/append.ts'
import { leaderEpoch, type Partition } from '../metadata/partition.ts'
import type { Client } from './registry.ts'

/** Hears what became of a batch. Called once for every batch that was added, in order. */
export interface AppendTarget {
  appended(result: AppendResult): void
}

/** Gathers what the requests of one read append to each partition: it becomes one write. */
export class ProduceBatcher {
  readonly #client: Client
  readonly #byPartition = new Map<Partition, { records: Uint8Array[]; targets: AppendTarget[] }>()

  constructor(client: Client) {
    this.#client = client
  }

  add(partition: Partition, records: Uint8Array, target: AppendTarget): void {
    const gathered = this.#byPartition.get(partition)
    if (gathered) {
      gathered.records.push(records)
      gathered.targets.push(target)
      return
    }
    if (this.#byPartition.size === 0) this.#client.atEndOfRead(() => this.#appendAll())
    this.#byPartition.set(partition, { records: [records], targets: [target] })
  }

  #appendAll(): void {
    const gathered = [...this.#byPartition]
    this.#byPartition.clear()
    for (const [partition, { records, targets }] of gathered) {
      const results = partition.log.appendAll(records, { leaderEpoch })
      for (let i = 0; i < targets.length; i++) (targets[i] as AppendTarget).appended(results[i] as AppendResult)
    }
  }
}
