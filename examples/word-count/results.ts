import { KafkaConsumer, type WindowCount } from 'millrace'

/** Reads `word-counts` as anybody else would, with a consumer of its own. */
export class Results {
  /** Counts per word, by the window's start in ms. */
  readonly windows = new Map<number, Map<string, number>>()
  recordCount = 0
  readonly #consumer: KafkaConsumer

  constructor(bootstrapServers: string, partitions: number) {
    this.#consumer = new KafkaConsumer({ bootstrapServers, autoOffsetReset: 'earliest' })
    this.#consumer.assign(Array.from({ length: partitions }, (_, partition) => ({ topic: 'word-counts', partition })))
  }

  /** Reads until the signal aborts. */
  async read(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        for (const { value } of await this.#consumer.poll(1_000, { signal })) {
          if (value !== null) this.#add(JSON.parse(Buffer.from(value).toString()) as WindowCount<string>)
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  close(): Promise<void> {
    return this.#consumer.close()
  }

  /** Counts per word over all windows that start before `end`. */
  totals(end: number): Map<string, number> {
    const totals = new Map<string, number>()
    for (const [start, counts] of this.windows) {
      if (start >= end) continue
      for (const [word, count] of counts) totals.set(word, (totals.get(word) ?? 0) + count)
    }
    return totals
  }

  #add({ key, start, count }: WindowCount<string>): void {
    let counts = this.windows.get(start)
    if (!counts) {
      counts = new Map()
      this.windows.set(start, counts)
    }
    counts.set(key, (counts.get(key) ?? 0) + count)
    this.recordCount++
  }
}
