import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
  type MetadataRecordInput,
} from '@millrace/kafka'
import { FileSystemError, type Random, type TimerHandle, type Timers } from '@millrace/std'
import type { ServerConfig } from '../config/server-config.ts'
import type { Logger } from '../logger.ts'
import { type Journal, JournalError, type JournalRecord } from '../journal/journal.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import {
  ClusterImage,
  featureRecord,
  partitionRecord,
  producerIdsRecord,
  type TopicImage,
  topicRecords,
} from './cluster-image.ts'
import { bootstrapFeatures, type FeatureName, metadataVersionFeature } from './features.ts'
import { type CommandError, isCommandError, type NewTopic, planGrowth, planTopic } from './topic-commands.ts'

/** Producer ids are handed out from blocks of this size: one durable write per block. */
export const producerIdBlockSize = 1_000

export interface MetadataManagerOptions {
  readonly journal: Journal
  /** The log that the journal writes to. */
  readonly log: PartitionLog
  readonly server: ServerConfig
  readonly random: Random
  /** The image has changed: brings the open logs in line with it. Commands wait for it. */
  readonly apply: (image: ClusterImage) => Promise<void>
  readonly timers: Timers
  readonly logger: Logger
}

/** How long a disk has to get well before `apply` is tried again. */
const retryMs = 1_000

interface Step<T> {
  readonly records: readonly MetadataRecordInput[]
  readonly result: T
}

/**
 * Topics, configurations and producer ids: commands yield records, which are durable before they are replayed and
 * answered. Commands run one after the other, so each is planned against an image that is durable.
 */
export class MetadataManager {
  readonly image = new ClusterImage()
  readonly #options: MetadataManagerOptions
  #last: Promise<unknown> = Promise.resolve()
  #nextProducerId = 0
  #producerIdsEnd = 0
  /** Not all of the image could be applied. */
  #isBehind = false
  #retry: TimerHandle | undefined

  constructor(options: MetadataManagerOptions) {
    this.#options = options
  }

  /** Brings the image to what the journal says. */
  load(): void {
    this.#options.journal.replay({
      record: ({ value }) => {
        const record = value && decodeMetadataRecord(value)
        if (record) this.image.replay(record)
      },
    })
  }

  /** Finalizes the newest level of every feature where none is: in a new cluster. */
  async bootstrap(): Promise<void> {
    await this.#run(() => {
      const isNew = !this.image.features.has(metadataVersionFeature)
      const records = isNew ? [...bootstrapFeatures].map(([name, level]) => featureRecord(name, level)) : []
      return { records, result: undefined }
    })
  }

  /** The finalized level of a feature. */
  featureLevel(name: FeatureName): number {
    return this.image.features.get(name) ?? 0
  }

  /** The offset of the last record that the image has; -1 when it has none. */
  get lastAppliedOffset(): number {
    return this.#options.log.highWatermark - 1
  }

  /** Nothing is tried again any more. */
  close(): void {
    if (this.#retry) this.#options.timers.cancel(this.#retry)
  }

  /** Creates a topic, or says what would be created. */
  createTopic(topic: NewTopic, options: { validateOnly: boolean }): Promise<TopicImage | CommandError> {
    const { server, random } = this.#options
    return this.#run(() => {
      const planned = planTopic(this.image, topic, { server, random })
      if (options.validateOnly || isCommandError(planned)) return { records: [], result: planned }
      return { records: [...topicRecords(planned, server['node.id'])], result: planned }
    })
  }

  deleteTopic(find: (image: ClusterImage) => TopicImage | undefined): Promise<TopicImage | undefined> {
    return this.#run(() => {
      const topic = find(this.image)
      const records: MetadataRecordInput[] = topic ? [{ kind: 'RemoveTopicRecord', value: { topicId: topic.id } }] : []
      return { records, result: topic }
    })
  }

  /** Raises the number of partitions. Undefined when that is done (or would be), otherwise why not. */
  growTopic(
    growth: { name: string; count: number; assignments: readonly { brokerIds: readonly number[] }[] | null },
    options: { validateOnly: boolean },
  ): Promise<CommandError | undefined> {
    const nodeId = this.#options.server['node.id']
    return this.#run(() => {
      const topic = this.image.topics.get(growth.name)
      const planned = planGrowth(topic, growth.name, growth.count, growth.assignments, nodeId)
      if (isCommandError(planned)) return { records: [], result: planned }
      const records: MetadataRecordInput[] = []
      if (topic && !options.validateOnly) {
        for (let i = topic.partitions; i < planned.partitions; i++) records.push(partitionRecord(topic.id, i, nodeId))
      }
      return { records, result: undefined }
    })
  }

  /** An id that no producer has had before, also after a restart. */
  async nextProducerId(): Promise<number> {
    while (this.#nextProducerId >= this.#producerIdsEnd) {
      const end = await this.#run(() => this.#reserveProducerIds())
      if (end === undefined) continue
      this.#nextProducerId = end - producerIdBlockSize
      this.#producerIdsEnd = end
    }
    return this.#nextProducerId++
  }

  /** Undefined when another caller has just reserved a block. */
  #reserveProducerIds(): Step<number | undefined> {
    if (this.#nextProducerId < this.#producerIdsEnd) return { records: [], result: undefined }
    const end = this.image.nextProducerId + producerIdBlockSize
    return { records: [producerIdsRecord(this.#options.server['node.id'], end)], result: end }
  }

  #run<T>(command: () => Step<T>): Promise<T> {
    const result = this.#last.then(() => this.#execute(command))
    this.#last = result.catch(() => undefined)
    return result
  }

  async #execute<T>(command: () => Step<T>): Promise<T> {
    const { journal } = this.#options
    if (this.#isBehind) await this.#apply()
    const { records, result } = command()
    if (records.length === 0) return result
    const encoded = records.map(encode)
    journal.append(encoded)
    const durable = await new Promise<boolean>((resolve) => {
      journal.whenDurable(resolve)
    })
    if (!durable) throw new JournalError('The metadata log could not be written to the device.')
    for (const { value } of encoded) this.image.replay(decodeMetadataRecord(value as Uint8Array) as MetadataRecord)
    journal.compactIfLarge(() => this.#snapshot())
    await this.#apply()
    return result
  }

  /** What is durable stays true when it cannot be applied, for want of room say: it is tried again until it can. */
  async #apply(): Promise<void> {
    const { apply, logger, timers } = this.#options
    try {
      await apply(this.image)
      this.#isBehind = false
    } catch (cause) {
      if (!(cause instanceof FileSystemError)) throw cause
      if (!this.#isBehind) logger.error(`The folders of topics are behind the metadata: ${cause.message}`, { cause })
      this.#isBehind = true
      this.#retry ??= timers.scheduleBackground(retryMs, () => {
        this.#retry = undefined
        // Who waits for nothing is told nothing: a failure has set the next try.
        this.#run(() => ({ records: [], result: undefined })).catch(() => {})
      })
      throw new JournalError(`The folders of topics are behind the metadata: ${cause.message}`)
    }
  }

  *#snapshot(): Generator<JournalRecord> {
    for (const record of this.image.snapshot(this.#options.server['node.id'])) yield encode(record)
  }
}

function encode(record: MetadataRecordInput): JournalRecord {
  return { key: null, value: encodeMetadataRecord(record) }
}
