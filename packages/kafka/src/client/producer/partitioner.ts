import { nextInt, type Random } from '@millrace/std'

/** Chooses a partition for a record that names none. Must return a whole number from 0 to `partitionCount - 1`. */
export type Partitioner = (record: {
  topic: string
  key: Uint8Array | null
  value: Uint8Array | null
  partitionCount: number
}) => number

const SEED = 0x9747b28c
const M = 0x5bd1e995

/** MurmurHash2 of `bytes[start, end)` with Kafka's seed, as a signed 32-bit integer: what all Kafka clients agree on. */
export function murmur2(bytes: Uint8Array, start = 0, end = bytes.byteLength): number {
  const length = end - start
  let hash = SEED ^ length
  let at = start
  for (const last = end - 4; at <= last; at += 4) {
    let k =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    hash = Math.imul(hash, M) ^ Math.imul(k, M)
  }
  const rest = end - at
  if (rest > 0) {
    if (rest === 3) hash ^= (bytes[at + 2] as number) << 16
    if (rest >= 2) hash ^= (bytes[at + 1] as number) << 8
    hash = Math.imul(hash ^ (bytes[at] as number), M)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, M)
  return hash ^ (hash >>> 15)
}

/** The partition that Kafka's Java client gives to a key. */
export function partitionForKey(key: Uint8Array, partitionCount: number, start = 0, end = key.byteLength): number {
  return (murmur2(key, start, end) & 0x7fff_ffff) % partitionCount
}

/**
 * Partitions for records without a key (KIP-794): stays with one until `stickyBytes` have gone to it, so that batches
 * fill up, then draws another; partitions with more waiting batches are drawn less often.
 */
export class StickyPartitioner {
  readonly #random: Random
  readonly #stickyBytes: number
  #partition = -1
  #bytes = 0

  constructor(random: Random, stickyBytes: number) {
    this.#random = random
    this.#stickyBytes = stickyBytes
  }

  /**
   * The partition for the next record. `candidates` are the partitions that have a leader; at least one. `fits` tells
   * whether the record goes into the batch that a partition has open: the switch is made where a new one begins.
   */
  next(
    candidates: readonly number[],
    waitingBatches: (partition: number) => number,
    fits: (partition: number) => boolean,
  ): number {
    const isStale = !candidates.includes(this.#partition)
    if (isStale || (this.#bytes >= this.#stickyBytes && !fits(this.#partition))) {
      this.#partition = draw(this.#random, candidates, waitingBatches)
      this.#bytes = 0
    }
    return this.#partition
  }

  /** `bytes` went to the partition that {@link next} gave. */
  produced(bytes: number): void {
    this.#bytes += bytes
  }
}

function draw(random: Random, candidates: readonly number[], waitingBatches: (partition: number) => number): number {
  if (candidates.length === 1) return candidates[0] as number
  const waiting = candidates.map(waitingBatches)
  const most = waiting.reduce((a, b) => Math.max(a, b), 0)
  const total = waiting.reduce((sum, count) => sum + most + 1 - count, 0)
  let ticket = nextInt(random, total)
  for (let i = 0; i < candidates.length; i++) {
    ticket -= most + 1 - (waiting[i] as number)
    if (ticket < 0) return candidates[i] as number
  }
  return candidates[candidates.length - 1] as number
}
