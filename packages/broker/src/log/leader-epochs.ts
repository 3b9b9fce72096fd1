export interface EpochEntry {
  readonly epoch: number
  /** Offset of the first record written in this epoch. */
  readonly startOffset: number
}

/** The end of a leader epoch: what OffsetForLeaderEpoch answers. Both are -1 when the epoch is unknown. */
export interface EpochEndOffset {
  readonly epoch: number
  readonly endOffset: number
}

const unknown: EpochEndOffset = { epoch: -1, endOffset: -1 }

/** Which leader epoch wrote which offsets (KIP-101, Kafka's `LeaderEpochFileCache`). */
export class LeaderEpochs {
  #entries: EpochEntry[] = []
  /** True when the entries differ from what was last written to the checkpoint. */
  dirty = false

  constructor(entries: readonly EpochEntry[] = []) {
    this.#entries = [...entries]
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries
  }

  get latestEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? -1
  }

  /** Takes note that the batch at `startOffset` was written in `epoch`. */
  assign(epoch: number, startOffset: number): void {
    if (epoch < 0 || epoch <= this.latestEpoch) return
    while ((this.#entries.at(-1)?.startOffset ?? -1) >= startOffset) this.#entries.pop()
    this.#entries.push({ epoch, startOffset })
    this.dirty = true
  }

  epochAt(offset: number): number {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const entry = this.#entries[i] as EpochEntry
      if (entry.startOffset <= offset) return entry.epoch
    }
    return -1
  }

  /** The largest epoch up to `epoch`, and where it ends: where the next one starts, or the end of the log. */
  endOffsetFor(epoch: number, logEndOffset: number): EpochEndOffset {
    if (epoch < 0 || epoch > this.latestEpoch) return unknown
    if (epoch === this.latestEpoch) return { epoch, endOffset: logEndOffset }
    const next = this.#entries.findIndex((entry) => entry.epoch > epoch)
    const endOffset = (this.#entries[next] as EpochEntry).startOffset
    return { epoch: next === 0 ? epoch : (this.#entries[next - 1] as EpochEntry).epoch, endOffset }
  }

  /** Forgets what begins at or after `endOffset`. */
  truncateEnd(endOffset: number): void {
    while ((this.#entries.at(-1)?.startOffset ?? -1) >= endOffset) {
      this.#entries.pop()
      this.dirty = true
    }
  }

  /** The log now begins at `startOffset`: epochs that ended before it go, the one it lies in starts there. */
  truncateStart(startOffset: number): void {
    let first = -1
    while (first + 1 < this.#entries.length && (this.#entries[first + 1] as EpochEntry).startOffset <= startOffset) {
      first++
    }
    if (first < 0 || (first === 0 && this.#entries[0]?.startOffset === startOffset)) return
    const entry = this.#entries[first] as EpochEntry
    this.#entries.splice(0, first + 1, { epoch: entry.epoch, startOffset })
    this.dirty = true
  }
}
