import type { KeySelector, Partitioning } from '../graph/node.ts'
import { keyGroupOf, subtaskOfKeyGroup } from '../state/key-group.ts'
import { keyFunction } from './key-function.ts'

/** Says to which channel of an edge a record goes. */
export interface Partitioner {
  /** Every channel gets every record. */
  readonly broadcast: boolean
  /** Chooses the channels of a batch at once: `targets[i]` for `values[i]`. May throw what user code throws, at `cursor.index`. */
  select(values: readonly unknown[], length: number, targets: Int32Array, cursor: { index: number }): void
}

/** `subtask`: the sender's. Senders that take turns begin with different receivers. */
export function createPartitioner(
  partitioning: Partitioning,
  channels: number,
  maxParallelism: number,
  subtask: number,
): Partitioner {
  switch (partitioning.kind) {
    case 'hash':
      return new HashPartitioner(partitioning.key, channels, maxParallelism)
    case 'forward':
    case 'global':
      return { broadcast: false, select: (_values, length, targets) => void targets.fill(0, 0, length) }
    case 'rebalance':
    case 'rescale':
      return new RoundRobinPartitioner(channels, subtask % channels)
    case 'broadcast':
      return { broadcast: true, select: () => {} }
  }
}

class HashPartitioner implements Partitioner {
  readonly broadcast = false
  readonly #key: (value: unknown) => unknown
  readonly #channels: number
  readonly #maxParallelism: number

  constructor(key: KeySelector, channels: number, maxParallelism: number) {
    this.#key = keyFunction(key)
    this.#channels = channels
    this.#maxParallelism = maxParallelism
  }

  select(values: readonly unknown[], length: number, targets: Int32Array, cursor: { index: number }): void {
    const key = this.#key
    for (let i = 0; i < length; i++) {
      cursor.index = i
      const group = keyGroupOf(key(values[i]), this.#maxParallelism)
      targets[i] = subtaskOfKeyGroup(group, this.#channels, this.#maxParallelism)
    }
  }
}

class RoundRobinPartitioner implements Partitioner {
  readonly broadcast = false
  readonly #channels: number
  #next: number

  constructor(channels: number, first: number) {
    this.#channels = channels
    this.#next = first
  }

  select(_values: readonly unknown[], length: number, targets: Int32Array): void {
    let next = this.#next
    for (let i = 0; i < length; i++) {
      targets[i] = next
      next = next + 1 === this.#channels ? 0 : next + 1
    }
    this.#next = next
  }
}
