import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
  type MetadataRecordInput,
} from '@millrace/kafka'
import { FileSystemError, type Random, type TimerHandle, type Timers } from '@millrace/std'
import { type ServerConfig, setDynamicConfig } from '../config/server-config.ts'
import type { Logger } from '../logger.ts'
import { type Journal, JournalError, type JournalRecord } from '../journal/journal.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { Brokers } from './brokers.ts'
import { ClusterImage, partitionRecord, producerIdsRecord, type TopicImage, topicRecords } from './cluster-image.ts'
import { type ConfigChange, planConfigChange } from './config-commands.ts'
import { bootstrapRecords, type FeatureUpdate, planFeatureUpdates } from './feature-commands.ts'
import { type FeatureName, metadataVersionFeature } from './features.ts'
import { MetadataChanges } from './metadata-changes.ts'
import { resourceTypes } from './resource-configs.ts'
import {
  type CommandError,
  type Growth,
  isCommandError,
  type NewTopic,
  planGrowth,
  planTopic,
} from './topic-commands.ts'
import { collidingName } from './topic-name.ts'

/** Producer ids are handed out from blocks of this size: one durable write per block. */
export const producerIdBlockSize = 1_000

export interface MetadataManagerOptions {
  readonly journal: Journal
  /** The log that the journal writes to. */
  readonly log: PartitionLog
  readonly server: ServerConfig
  readonly brokers: Brokers
  readonly random: Random
  /** The image has changed: brings the open logs in line with it. Commands wait for it. */
  readonly apply: (image: ClusterImage, changes: MetadataChanges) => Promise<void>
  readonly timers: Timers
  readonly logger: Logger
}

/** How long a disk has to get well before `apply` is tried again. */
const retryMs = 1_000
/** Partitions that are created with one write to the metadata log; more are written in several. */
const partitionsPerWrite = 5_000

/** Hears of every change once it is in force; called synchronously. */
export type MetadataListener = (image: ClusterImage, changes: MetadataChanges) => void

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
  readonly #listeners = new Set<MetadataListener>()
  /** What was not applied yet. */
  readonly #changes = new MetadataChanges()
  #last: Promise<unknown> = Promise.resolve()
  #nextProducerId = 0
  #producerIdsEnd = 0
  /** Not all of the image could be applied. */
  #isBehind = false
  #retry: TimerHandle | undefined

  constructor(options: MetadataManagerOptions) {
    this.#options = options
  }

  get brokers(): Brokers {
    return this.#options.brokers
  }

  /** Brings the image to what the journal says. */
  load(): void {
    this.#options.journal.replay({
      record: ({ value }) => {
        const record = value && decodeMetadataRecord(value)
        if (record) this.image.replay(record, this.#changes)
      },
    })
    this.#changes.clear()
    this.#applyServerConfig()
  }

  /** Calls back after each change, until the function that is returned is called. */
  onChange(listener: MetadataListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** In a new cluster: finalizes the newest level of every feature, and sets what goes with them. */
  async bootstrap(): Promise<void> {
    await this.#run(() => {
      const isNew = !this.image.features.has(metadataVersionFeature)
      return { records: isNew ? [...bootstrapRecords(this.#options.server)] : [], result: undefined }
    })
  }

  /** The finalized level of a feature. */
  featureLevel(name: FeatureName): number {
    return this.image.features.get(name) ?? 0
  }

  /** Whether groups may use the consumer protocol: it is configured, and finalized in the cluster (KIP-848). */
  get servesConsumerGroups(): boolean {
    const protocols = this.#options.server['group.coordinator.rebalance.protocols']
    return protocols.includes('consumer') && this.featureLevel('group.version') >= 1
  }

  /** The log of all this. */
  get log(): PartitionLog {
    return this.#options.log
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
  async createTopic(topic: NewTopic, options: { validateOnly: boolean }): Promise<TopicImage | CommandError> {
    const [created] = await this.createTopics([topic], options)
    return created as TopicImage | CommandError
  }

  /** As {@link createTopic} for several of different names, with as few writes as possible. */
  async createTopics(
    topics: readonly NewTopic[],
    options: { validateOnly: boolean },
  ): Promise<(TopicImage | CommandError)[]> {
    const created: (TopicImage | CommandError)[] = []
    while (created.length < topics.length) {
      const step = await this.#run(() => this.#createSome(topics.slice(created.length), options))
      created.push(...step)
    }
    return created
  }

  /** Creates the first of the topics, as many as go into one write. */
  #createSome(
    topics: readonly NewTopic[],
    { validateOnly }: { validateOnly: boolean },
  ): Step<(TopicImage | CommandError)[]> {
    const { server, random, brokers } = this.#options
    const planned = new Map<string, string>()
    const records: MetadataRecordInput[] = []
    const result: (TopicImage | CommandError)[] = []
    let partitions = 0
    for (const topic of topics) {
      const plan = planTopic(this.image, topic, { server, random, planned, brokers: brokers.ids })
      if (!isCommandError(plan)) {
        partitions += plan.partitions
        if (result.length > 0 && partitions > partitionsPerWrite) break
        planned.set(collidingName(plan.name), plan.name)
        if (!validateOnly) records.push(...topicRecords(plan))
      }
      result.push(plan)
    }
    return { records, result }
  }

  /** Changes configurations; for each that could not be, why not. */
  alterConfigs(
    changes: readonly ConfigChange[],
    { validateOnly }: { validateOnly: boolean },
  ): Promise<(CommandError | undefined)[]> {
    const { server } = this.#options
    return this.#run(() => {
      const plans = changes.map((change) => planConfigChange(change, { image: this.image, server }))
      const records = validateOnly ? [] : plans.flatMap((plan) => (isCommandError(plan) ? [] : plan))
      return { records, result: plans.map((plan) => (isCommandError(plan) ? plan : undefined)) }
    })
  }

  /** Finalizes features at other levels: all of them, or none. */
  updateFeatures(
    updates: readonly FeatureUpdate[],
    { validateOnly }: { validateOnly: boolean },
  ): Promise<CommandError | undefined> {
    const { server } = this.#options
    return this.#run<CommandError | undefined>(() => {
      const plan = planFeatureUpdates(this.image, updates, server)
      if (isCommandError(plan)) return { records: [], result: plan }
      return { records: validateOnly ? [] : plan, result: undefined }
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
  growTopic(growth: Growth, options: { validateOnly: boolean }): Promise<CommandError | undefined> {
    const { brokers } = this.#options
    return this.#run(() => {
      const topic = this.image.topics.get(growth.name)
      const planned = planGrowth(topic, growth, brokers.ids)
      if (isCommandError(planned)) return { records: [], result: planned }
      const records: MetadataRecordInput[] = []
      if (topic && !options.validateOnly) {
        for (const [i, replicas] of planned.entries()) {
          records.push(partitionRecord(topic.id, topic.partitions + i, replicas))
        }
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
    for (const { value } of encoded) {
      this.image.replay(decodeMetadataRecord(value as Uint8Array) as MetadataRecord, this.#changes)
    }
    journal.compactIfLarge(() => this.#snapshot())
    await this.#apply()
    return result
  }

  /** What is durable stays true when it cannot be applied, for want of room say: it is tried again until it can. */
  async #apply(): Promise<void> {
    const { apply, logger, timers } = this.#options
    if (this.#changes.broker) this.#applyServerConfig()
    try {
      await apply(this.image, this.#changes)
      this.#isBehind = false
      for (const listener of [...this.#listeners]) listener(this.image, this.#changes)
      this.#changes.clear()
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

  #applyServerConfig(): void {
    const { server } = this.#options
    setDynamicConfig(server, {
      broker: this.image.configsOf(resourceTypes.broker, String(server['node.id'])),
      cluster: this.image.configsOf(resourceTypes.broker, ''),
    })
  }

  *#snapshot(): Generator<JournalRecord> {
    for (const record of this.image.snapshot(this.#options.server['node.id'])) yield encode(record)
  }
}

function encode(record: MetadataRecordInput): JournalRecord {
  return { key: null, value: encodeMetadataRecord(record) }
}
