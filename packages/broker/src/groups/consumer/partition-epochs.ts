import { assert } from '@millrace/std'
import type { TopicKey } from '../assignors/assignor.ts'
import type { OwnedPartitions } from './consumer-member.ts'

/** Who owns a partition now, told by the member epoch of its owner: what keeps a partition from having two. */
export class PartitionEpochs {
  readonly #topics = new Map<TopicKey, Map<number, number>>()

  /** Undefined: the partition is free. */
  get(topic: TopicKey, partition: number): number | undefined {
    return this.#topics.get(topic)?.get(partition)
  }

  /** A member at `epoch` lets go of partitions. Those that another has taken over since stay with it. */
  remove(owned: OwnedPartitions, epoch: number): void {
    for (const [topic, partitions] of owned) {
      const epochs = this.#topics.get(topic)
      if (!epochs) continue
      for (const partition of partitions.keys()) {
        if (epochs.get(partition) === epoch) epochs.delete(partition)
      }
      if (epochs.size === 0) this.#topics.delete(topic)
    }
  }

  /** A member at `epoch` has partitions. */
  add(owned: OwnedPartitions, epoch: number): void {
    for (const [topic, partitions] of owned) {
      let epochs = this.#topics.get(topic)
      if (!epochs) this.#topics.set(topic, (epochs = new Map()))
      for (const partition of partitions.keys()) {
        const held = epochs.get(partition)
        assert(held === undefined || held < epoch, `${topic}-${partition} is still owned at epoch ${held}`)
        epochs.set(partition, epoch)
      }
    }
  }
}
