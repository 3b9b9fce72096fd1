import { baseOffset, batchSize, lastOffset } from '@millrace/kafka'

/** Batches up to this size are copied together, for the cache and for writing; larger ones are written where they lie. */
export const SMALL_BATCH_BYTES = 4 * 1024

const blockBytes = 32 * 1024
/** When this much was appended and nobody has read, nothing is kept until somebody does. */
const unreadBytes = 1_048_576

interface Block {
  readonly bytes: Uint8Array
  used: number
  readonly baseOffset: number
  endOffset: number
  readonly owner: TailCache
}

/**
 * Memory for the tails of all logs together. The oldest block of any log goes first when it is used up, so active
 * logs share it and idle ones give theirs back.
 */
export class TailCacheBudget {
  readonly #limit: number
  /** In the order in which they came; those before `#first` have left. */
  readonly #blocks: (Block | undefined)[] = []
  #first = 0
  #used = 0

  constructor(limitBytes: number) {
    this.#limit = limitBytes
  }

  /** For {@link TailCache}. */
  add(block: Block): void {
    this.#blocks.push(block)
    this.#used += block.bytes.byteLength
    while (this.#used > this.#limit && this.#first < this.#blocks.length) this.#evict()
  }

  #evict(): void {
    const block = this.#blocks[this.#first] as Block
    // The queue is cut only now and then: until then it must not hold what has left.
    this.#blocks[this.#first++] = undefined
    this.#used -= block.bytes.byteLength
    block.owner.evicted(block)
    if (this.#first > 1024 && this.#first * 2 > this.#blocks.length) {
      this.#blocks.splice(0, this.#first)
      this.#first = 0
    }
  }
}

/**
 * The newest batches of one log, contiguous up to its end, so that consumers at the tail cost no read call. What it
 * hands out are views of memory that is never written again.
 */
export class TailCache {
  readonly #budget: TailCacheBudget
  #blocks: Block[] = []
  /** Bytes that were appended since the log was last read. */
  #unread = 0

  constructor(budget: TailCacheBudget) {
    this.#budget = budget
  }

  /** Somebody reads the log, wherever: what is appended is worth keeping. */
  noteRead(): void {
    this.#unread = 0
  }

  /** The first offset that is cached, or Infinity. */
  get startOffset(): number {
    return this.#blocks[0]?.baseOffset ?? Number.POSITIVE_INFINITY
  }

  /** Adds what was just appended: one batch, or small ones that lie one after the other. Large ones are not kept. */
  append(batches: Uint8Array): void {
    this.#unread += batches.byteLength
    if (this.#unread > unreadBytes) {
      this.clear()
      return
    }
    const base = baseOffset(batches, 0)
    const newest = this.#blocks.at(-1)
    if (newest && newest.endOffset !== base) this.clear()
    if (batchSize(batches, 0) <= SMALL_BATCH_BYTES) this.#copy(batches)
    else this.clear()
  }

  /** Copies small batches, as many at a time as fit what is left of a block. */
  #copy(batches: Uint8Array): void {
    let block = this.#blocks.at(-1)
    for (let start = 0; start < batches.byteLength; ) {
      const room = block ? block.bytes.byteLength - block.used : 0
      let end = start
      let last = start
      while (end < batches.byteLength && end - start + batchSize(batches, end) <= room) {
        last = end
        end += batchSize(batches, end)
      }
      if (!block || end === start) {
        block = this.#open(baseOffset(batches, start))
        continue
      }
      block.bytes.set(batches.subarray(start, end), block.used)
      block.used += end - start
      block.endOffset = lastOffset(batches, last) + 1
      start = end
    }
  }

  /**
   * Whole batches from the one that contains `offset`, up to `maxBytes` and below `upTo`, appended to `parts`.
   * Returns their size; 0 when `offset` is not cached or the first batch is larger than `maxBytes` (unless `atLeastOne`).
   */
  read(offset: number, maxBytes: number, upTo: number, atLeastOne: boolean, parts: Uint8Array[]): number {
    let total = 0
    let i = this.#blocks.length - 1
    while (i >= 0 && (this.#blocks[i] as Block).baseOffset > offset) i--
    if (i < 0) return 0
    for (; i < this.#blocks.length; i++) {
      const block = this.#blocks[i] as Block
      let start = 0
      if (total === 0)
        while (start < block.used && lastOffset(block.bytes, start) < offset) start += batchSize(block.bytes, start)
      let end = start
      let full = false
      while (end < block.used) {
        const size = batchSize(block.bytes, end)
        full =
          baseOffset(block.bytes, end) >= upTo ||
          (total + end - start + size > maxBytes && (total + end > start || !atLeastOne))
        if (full) break
        end += size
      }
      if (end > start) {
        parts.push(start === 0 && end === block.bytes.byteLength ? block.bytes : block.bytes.subarray(start, end))
        total += end - start
      }
      if (full) break
    }
    return total
  }

  clear(): void {
    // The budget forgets the blocks when their turn comes; until then they count.
    if (this.#blocks.length > 0) this.#blocks = []
  }

  /** For {@link TailCacheBudget}: blocks leave in the order in which they came. */
  evicted(block: Block): void {
    if (this.#blocks[0] === block) this.#blocks.shift()
  }

  #open(base: number): Block {
    const bytes = new Uint8Array(Buffer.allocUnsafeSlow(blockBytes).buffer)
    return this.#add({ bytes, used: 0, baseOffset: base, endOffset: base, owner: this })
  }

  #add(block: Block): Block {
    this.#blocks.push(block)
    this.#budget.add(block)
    return block
  }
}
