import { bytesEqual, uuidToString } from '@millrace/std'
import type { TopicKey } from './assignors/assignor.ts'

/** A topic as the group coordinator needs to know it. */
export interface TopicInfo {
  readonly name: string
  readonly id: Uint8Array
  readonly partitions: number
}

/** A topic with its id as assignments are keyed by. */
export interface KnownTopic extends TopicInfo {
  readonly key: TopicKey
}

/** What the group coordinator is told about topics: the present ones, whenever it asks. */
export interface TopicSource {
  topics(): Iterable<TopicInfo>
  /** A number that grows when topics change, across restarts as well. */
  version(): number
}

/** The topics that there are, as of the last {@link refresh}. */
export class TopicsImage {
  readonly #source: TopicSource
  readonly #byName = new Map<string, KnownTopic>()
  readonly #byKey = new Map<TopicKey, KnownTopic>()
  #version = -1
  #versionOfNewest = -1

  constructor(source: TopicSource) {
    this.#source = source
  }

  /** The version that is shown. */
  get version(): number {
    return this.#version
  }

  /** The version at which a topic was last seen to be new. */
  get versionOfNewest(): number {
    return this.#versionOfNewest
  }

  get(name: string): KnownTopic | undefined {
    return this.#byName.get(name)
  }

  getByKey(key: TopicKey): KnownTopic | undefined {
    return this.#byKey.get(key)
  }

  names(): IterableIterator<string> {
    return this.#byName.keys()
  }

  /** Brings the image up to date. Returns the names of topics that have come, gone or grown since the last time. */
  refresh(): readonly string[] {
    const version = this.#source.version()
    if (version === this.#version) return []
    const isFirst = this.#version < 0
    this.#version = version
    const changed: string[] = []
    const present = new Set<string>()
    let hasNew = isFirst
    for (const { name, id, partitions } of this.#source.topics()) {
      present.add(name)
      const known = this.#byName.get(name)
      if (known && bytesEqual(known.id, id) && known.partitions === partitions) continue
      const topic = { name, id, partitions, key: uuidToString(id) }
      if (known) this.#byKey.delete(known.key)
      hasNew ||= known?.key !== topic.key
      this.#byName.set(name, topic)
      this.#byKey.set(topic.key, topic)
      changed.push(name)
    }
    for (const [name, { key }] of this.#byName) {
      if (present.has(name)) continue
      this.#byName.delete(name)
      this.#byKey.delete(key)
      changed.push(name)
    }
    if (hasNew) this.#versionOfNewest = version
    return changed
  }
}
