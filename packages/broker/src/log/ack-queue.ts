/** Wants to know when what it appended is on the device. */
export interface FlushWaiter {
  /** `errorCode` 0: it is. Otherwise it may or may not be, and must not be acknowledged. */
  flushed(errorCode: number): void
}

/** Those who wait for the flush of a log, in the order of their offsets. No object per waiter. */
export class AckQueue {
  #offsets: number[] = []
  #waiters: FlushWaiter[] = []
  #first = 0

  add(endOffset: number, waiter: FlushWaiter): void {
    this.#offsets.push(endOffset)
    this.#waiters.push(waiter)
  }

  /** Answers those who wait for offsets up to `flushed`. */
  release(flushed: number, errorCode: number): void {
    while (this.#first < this.#waiters.length && (this.#offsets[this.#first] as number) <= flushed) {
      const waiter = this.#waiters[this.#first] as FlushWaiter
      this.#first++
      waiter.flushed(errorCode)
    }
    if (this.#first === this.#waiters.length) {
      this.#offsets = []
      this.#waiters = []
      this.#first = 0
    } else if (this.#first > 1024) {
      this.#offsets.splice(0, this.#first)
      this.#waiters.splice(0, this.#first)
      this.#first = 0
    }
  }
}
