import { type Batch, describeValue, type ObjectBatch, type SinkWriter, type WriterContext } from '@millrace/engine'
import { ErrorCode, KafkaAdmin, KafkaError, KafkaProducer } from '@millrace/kafka'
import { assert, MillraceError } from '@millrace/std'
import { ByteWriter } from '../formats/byte-writer.ts'
import { bootstrapServersOf } from './settings.ts'
import type { KafkaSinkOptions } from './sink.ts'

/** The task stops its inputs while so many bytes wait for their acknowledgement. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024
/** Encoded chunks that are kept to be used again. */
const MAX_IDLE_CHUNKS = 8

/** A broker that creates topics on first use has done so by then. */
const MISSING_TOPIC_MS = 5000

/** One batch as bytes, in the form that the producer takes. It must not change until the producer has acknowledged it. */
interface Chunk {
  readonly values: ByteWriter
  valueOffsets: Int32Array
  readonly keys: ByteWriter
  keyOffsets: Int32Array
}

/** Encodes batches and hands them to a producer, keeping a limit on what is under way. */
export class KafkaSinkWriter implements SinkWriter {
  readonly #options: KafkaSinkOptions<unknown>
  readonly #context: WriterContext
  readonly #bootstrapServers: string | readonly string[]
  readonly #producer: KafkaProducer
  readonly #idle: Chunk[] = []
  readonly #unacknowledged = new Set<Promise<void>>()
  #pendingBytes = 0
  #failure: Error | undefined

  constructor(name: string, options: KafkaSinkOptions<unknown>, context: WriterContext) {
    this.#options = options
    this.#context = context
    this.#bootstrapServers = bootstrapServersOf(name, options.bootstrapServers, context.settings)
    this.#producer = new KafkaProducer({
      lingerMs: 0,
      batchSize: 256 * 1024,
      ...options.producer,
      bootstrapServers: this.#bootstrapServers,
      system: context.system,
    })
  }

  /** A cluster that does not answer is waited for, as producers do; a topic that it does not have is soon an error. */
  async open(): Promise<void> {
    const { timers } = this.#context.system
    const missing = Promise.withResolvers<never>()
    const late = timers.schedule(MISSING_TOPIC_MS, () => this.#findMissing().catch(missing.reject))
    try {
      await Promise.race([this.#producer.partitionsFor(this.#options.topic), missing.promise])
    } finally {
      timers.cancel(late)
    }
  }

  get isReady(): boolean {
    return this.#pendingBytes < MAX_PENDING_BYTES
  }

  write(batch: Batch): void {
    assert(batch.layout === 'objects', 'the Kafka sink asks for objects')
    if (batch.length === 0) return
    const chunk = this.#encode(batch)
    const { topic } = this.#options
    const { values, valueOffsets, keys, keyOffsets } = chunk
    const bytes = values.length + keys.length
    this.#pendingBytes += bytes
    const acknowledged = this.#producer
      .sendBatch({
        topic,
        values: { data: values.bytes, offsets: valueOffsets },
        ...(this.#options.key ? { keys: { data: keys.bytes, offsets: keyOffsets } } : {}),
        timestamps: this.#timestamps(batch),
      })
      .then(
        () => this.#acknowledged(chunk, bytes),
        (error: Error) => this.#failed(error),
      )
      .finally(() => this.#unacknowledged.delete(acknowledged))
    this.#unacknowledged.add(acknowledged)
  }

  async flush(): Promise<void> {
    await this.#producer.flush()
    await Promise.all(this.#unacknowledged)
    if (this.#failure) throw this.#failure
  }

  async close(): Promise<void> {
    await this.#producer.close({ timeoutMs: 0 })
  }

  async #findMissing(): Promise<void> {
    await using admin = new KafkaAdmin({
      bootstrapServers: this.#bootstrapServers,
      system: this.#context.system,
      defaultApiTimeoutMs: 2000,
    })
    try {
      await admin.describeTopics([this.#options.topic])
    } catch (error) {
      if (error instanceof KafkaError && error.kafkaCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) throw error
    }
  }

  #encode(batch: ObjectBatch): Chunk {
    const { value: format, key: keyOf } = this.#options
    const { length, values } = batch
    const chunk = this.#idle.pop() ?? newChunk()
    if (chunk.valueOffsets.length <= length) {
      chunk.valueOffsets = new Int32Array(length + 1)
      chunk.keyOffsets = new Int32Array(length + 1)
    }
    const { values: valueBytes, valueOffsets, keys: keyBytes, keyOffsets } = chunk
    valueBytes.clear()
    keyBytes.clear()
    let i = 0
    try {
      for (; i < length; i++) {
        const value = values[i]
        format.encode(value, valueBytes)
        valueOffsets[i + 1] = valueBytes.length
        if (keyOf) {
          const key = keyOf(value)
          if (typeof key === 'string') keyBytes.writeText(key)
          else if (key instanceof Uint8Array) keyBytes.write(key)
          else throw badKey(key)
          keyOffsets[i + 1] = keyBytes.length
        }
      }
    } catch (cause) {
      throw this.#context.userError(cause, batch, i)
    }
    return chunk
  }

  /** Kafka needs a time for every record: one without event time (or from a global window) gets the present. */
  #timestamps({ timestamps, length }: ObjectBatch): Float64Array {
    const now = this.#context.system.clock.now()
    const own = timestamps.slice(0, length)
    for (let i = 0; i < length; i++) if (!Number.isFinite(own[i] as number)) own[i] = now
    return own
  }

  #acknowledged(chunk: Chunk, bytes: number): void {
    const wasReady = this.isReady
    this.#pendingBytes -= bytes
    if (this.#idle.length < MAX_IDLE_CHUNKS) this.#idle.push(chunk)
    if (!wasReady && this.isReady) this.#context.ready()
  }

  #failed(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    this.#context.fail(error)
  }
}

function badKey(key: unknown): MillraceError {
  return new MillraceError('CONNECTOR_BAD_KEY', {
    message: `The key function of kafkaSink() returned ${describeValue(key)}`,
    fix: 'Return a string or bytes, such as String(record.id); leave key out to spread the records over the partitions.',
  })
}

function newChunk(): Chunk {
  return {
    values: new ByteWriter(),
    valueOffsets: new Int32Array(1025),
    keys: new ByteWriter(),
    keyOffsets: new Int32Array(1025),
  }
}
