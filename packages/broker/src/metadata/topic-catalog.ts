import { uuidToString } from '@millrace/std'
import type { ServerConfig } from '../config/server-config.ts'
import { resolveTopicConfig, type TopicConfig } from '../config/topic-config.ts'
import type { TopicImage } from './cluster-image.ts'
import type { Partition } from './partition.ts'
import { isInternalTopic } from './topic-name.ts'

/** A topic with its open logs. */
export class Topic {
  readonly name: string
  readonly id: Uint8Array
  readonly isInternal: boolean
  readonly overrides: ReadonlyMap<string, string>
  config: TopicConfig
  /** By index; all are there. */
  readonly partitions: Partition[] = []

  constructor(image: TopicImage, server: ServerConfig) {
    this.name = image.name
    this.id = image.id
    this.isInternal = isInternalTopic(image.name)
    this.overrides = image.configs
    this.config = resolveTopicConfig(image.configs, server)
  }

  /** Takes over what has changed: of its own, or of the broker's. */
  configure(server: ServerConfig): void {
    this.config = resolveTopicConfig(this.overrides, server)
  }
}

/** The topics that clients see, by name and by id. */
export class TopicCatalog {
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<string, Topic>()

  get(name: string): Topic | undefined {
    return this.#byName.get(name)
  }

  getById(id: Uint8Array): Topic | undefined {
    return this.#byId.get(uuidToString(id))
  }

  partition(topic: string, index: number): Partition | undefined {
    return this.#byName.get(topic)?.partitions[index]
  }

  all(): IterableIterator<Topic> {
    return this.#byName.values()
  }

  add(topic: Topic): void {
    this.#byName.set(topic.name, topic)
    this.#byId.set(uuidToString(topic.id), topic)
  }

  remove(topic: Topic): void {
    this.#byName.delete(topic.name)
    this.#byId.delete(uuidToString(topic.id))
  }
}
