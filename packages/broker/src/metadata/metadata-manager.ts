import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
  type MetadataRecordInput,
} from '@millrace/kafka'
import type { Random } from '@millrace/std'
import type { ServerConfig } from '../config/server-config.ts'
import { type Journal, JournalError, type JournalRecord } from '../journal/journal.ts'
import { ClusterImage, partitionRecord, producerIdsRecord, type TopicImage, topicRecords } from './cluster-image.ts'
import { type CommandError, isCommandError, type NewTopic, planGrowth, planTopic } from './topic-commands.ts'

/** Producer ids are handed out from blocks of this size: one durable write per block. */
export const producerIdBlockSize = 1_000

export interface MetadataManagerOptions {
  readonly journal: Journal
  readonly server: ServerConfig
  readonly random: Random
  /** The image has changed: brings the open logs in line with it. Commands wait for it. */
  readonly apply: (image: ClusterImage) => Promise<void>
}

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

  constructor(options: MetadataManagerOptions) {
    this.#options = options
  }

  /** Brings the image to what the journal says. */
  load(): void {
    this.#options.journal.replay(({ value }) => {
      const record = value && decodeMetadataRecord(value)
      if (record) this.image.replay(record)
    })
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
    const { journal, apply } = this.#options
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
    await apply(this.image)
    return result
  }

  *#snapshot(): Generator<JournalRecord> {
    for (const record of this.image.snapshot(this.#options.server['node.id'])) yield encode(record)
  }
}

function encode(record: MetadataRecordInput): JournalRecord {
  return { key: null, value: encodeMetadataRecord(record) }
}
