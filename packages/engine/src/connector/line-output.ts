/** As much of a Node stream as is used here. */
export interface TextStream {
  /** False: it holds more than it should until it says `drain`. */
  write(text: string): boolean
  once(event: 'drain', listener: () => void): unknown
}

/** A stream of text that several writers share; it says when its reader is behind. */
export class LineOutput {
  readonly #stream: TextStream
  readonly #waiting = new Set<() => void>()
  #isFull = false

  constructor(stream: TextStream) {
    this.#stream = stream
  }

  get isReady(): boolean {
    return !this.#isFull
  }

  write(text: string): void {
    if (this.#stream.write(text) || this.#isFull) return
    this.#isFull = true
    // One listener, however many writers there are.
    this.#stream.once('drain', () => {
      this.#isFull = false
      for (const ready of [...this.#waiting]) ready()
    })
  }

  /** Calls `ready` each time the reader has caught up, until the returned function is called. */
  onReady(ready: () => void): () => void {
    this.#waiting.add(ready)
    return () => this.#waiting.delete(ready)
  }

  /** Resolves when the reader is not behind. */
  drained(): Promise<void> {
    if (!this.#isFull) return Promise.resolve()
    return new Promise((resolve) => {
      const stop = this.onReady(() => {
        stop()
        resolve()
      })
    })
  }
}
