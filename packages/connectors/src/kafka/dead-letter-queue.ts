import type { ReaderContext } from '@millrace/engine'
import { KafkaProducer } from '@millrace/kafka'
import { copyBytes } from '@millrace/std'
import type { BadRecord } from './row-collector.ts'

/**
 * Puts records that do not fit their format aside, unchanged, into another topic. Headers say where each came from and
 * what is wrong with it: `millrace.topic`, `millrace.partition`, `millrace.offset`, `millrace.error`.
 */
export class DeadLetterQueue {
  readonly #topic: string
  readonly #producer: KafkaProducer
  readonly #context: ReaderContext
  #failure: Error | undefined

  constructor(topic: string, bootstrapServers: string | readonly string[], context: ReaderContext) {
    this.#topic = topic
    this.#context = context
    this.#producer = new KafkaProducer({ bootstrapServers, system: context.system })
  }

  put({ topic, partition, offset, timestamp, key, value, problem }: BadRecord): void {
    this.#producer
      .send({
        topic: this.#topic,
        key: key && copyBytes(key),
        value: value && copyBytes(value),
        timestamp,
        headers: {
          'millrace.topic': topic,
          'millrace.partition': String(partition),
          'millrace.offset': String(offset),
          'millrace.error': problem,
        },
      })
      .catch((error: Error) => {
        this.#failure ??= error
        this.#context.fail(error)
      })
  }

  async flush(): Promise<void> {
    await this.#producer.flush()
    if (this.#failure) throw this.#failure
  }

  /** What was not flushed is not waited for: its source's progress is not committed, so it is read again. */
  close(): Promise<void> {
    return this.#producer.close({ timeoutMs: 0 })
  }
}
