import type { ConsumerRecord, IsolationLevel, KafkaConsumer } from '@millrace/kafka'
import { bytesToString, copyBytes, MillraceError } from '@millrace/std'

/** What {@link TestRecord.value} is: `text` (UTF-8), `json`, or `bytes`. */
export type RecordForm = 'text' | 'json' | 'bytes'
export type FormOf<F extends RecordForm> = F extends 'text' ? string | null : F extends 'json' ? unknown : Buffer | null

/** A record as tests look at it. */
export interface TestRecord<V = string | null> {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly key: string | null
  readonly value: V
  /** Of headers with the same name, the last. */
  readonly headers: Readonly<Record<string, string | null>>
}

export interface ReadOptions<F extends RecordForm = 'text'> {
  /** Default `text`. */
  readonly as?: F
  /** Default `read_committed`: without records of aborted transactions, and of those that are open. */
  readonly isolationLevel?: IsolationLevel
}

export interface WaitOptions<F extends RecordForm = 'text'> extends ReadOptions<F> {
  /** Default 4,000: less than vitest gives a test. */
  readonly timeoutMs?: number
}

/** How long one look for more takes at most. */
const pollMs = 100

/** All records of a topic, from the beginning. It closes the consumer that it reads with. */
export class TopicReader<F extends RecordForm> implements AsyncDisposable {
  readonly #topic: string
  readonly #form: F
  readonly #consumer: KafkaConsumer
  readonly #records: TestRecord<FormOf<F>>[] = []

  constructor(consumer: KafkaConsumer, topic: string, form: F) {
    this.#consumer = consumer
    this.#topic = topic
    this.#form = form
  }

  /** What is in the topic now: by partition, then by offset. */
  async all(): Promise<TestRecord<FormOf<F>>[]> {
    const partitions = await this.#assign()
    const ends = await this.#consumer.endOffsets(partitions)
    for (const { partition, offset } of ends) {
      while ((await this.#consumer.position({ topic: this.#topic, partition })) < offset) await this.#poll(pollMs)
    }
    const endOf = new Map(ends.map(({ partition, offset }) => [partition, offset]))
    // What came after the ends were asked for is not of this moment.
    return this.#sorted().filter(({ partition, offset }) => offset < (endOf.get(partition) ?? 0))
  }

  /** Waits until `isEnough` is content with what is there. False: it was not in time. */
  async until(isEnough: (records: TestRecord<FormOf<F>>[]) => boolean, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#assign(signal)
    } catch (cause) {
      if (signal.aborted) return false
      throw cause
    }
    while (!isEnough(this.#sorted())) {
      if (signal.aborted) return false
      await this.#poll(pollMs)
    }
    return true
  }

  get records(): TestRecord<FormOf<F>>[] {
    return this.#sorted()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#consumer.close()
  }

  async #assign(signal?: AbortSignal) {
    const { partitions } = await this.#consumer.partitionsFor(this.#topic, signal ? { signal } : {})
    const all = partitions.map((_, partition) => ({ topic: this.#topic, partition }))
    this.#consumer.assign(all)
    this.#consumer.seekToBeginning(all)
    return all
  }

  async #poll(timeoutMs: number): Promise<void> {
    for (const record of await this.#consumer.poll(timeoutMs)) this.#records.push(this.#plain(record))
  }

  #sorted(): TestRecord<FormOf<F>>[] {
    return this.#records.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
  }

  #plain({ topic, partition, offset, timestamp, key, value, headers }: ConsumerRecord): TestRecord<FormOf<F>> {
    return {
      topic,
      partition,
      offset,
      timestamp,
      key: text(key),
      value: this.#decode(value, `${topic}-${partition}@${offset}`),
      headers: Object.fromEntries(headers.map((header) => [header.key, text(header.value)])),
    }
  }

  #decode(value: Uint8Array | null, place: string): FormOf<F> {
    if (this.#form === 'bytes') return (value && Buffer.from(copyBytes(value))) as FormOf<F>
    const decoded = text(value)
    if (this.#form === 'text' || decoded === null) return decoded as FormOf<F>
    try {
      return JSON.parse(decoded) as FormOf<F>
    } catch (cause) {
      throw new MillraceError('TESTING_NOT_JSON', {
        message: `The record at ${place} is no JSON: ${decoded.slice(0, 80)}`,
        fix: "Read it as: 'text' or as: 'bytes'.",
        cause,
      })
    }
  }
}

function text(bytes: Uint8Array | null): string | null {
  return bytes && bytesToString(bytes)
}
