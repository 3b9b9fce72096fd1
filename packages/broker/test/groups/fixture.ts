import { seededRandom } from '@millrace/std'
import { ManualClock } from '@millrace/testing'
import { decodeGroupRecord, encodeGroupRecord } from '../../src/groups/group-record-codec.ts'
import type { GroupRecord } from '../../src/groups/group-records.ts'
import { GroupShard } from '../../src/groups/group-shard.ts'
import type { Command, ConsumerGroupSettings, GroupSettings, ShardContext } from '../../src/groups/shard-context.ts'
import { type TopicInfo, TopicsImage, type TopicSource } from '../../src/groups/topics-image.ts'

export const timing = { sessionTimeoutMs: 45_000, heartbeatIntervalMs: 5_000, assignmentIntervalMs: 0 }

export const consumerSettings: ConsumerGroupSettings = {
  maxSize: 100,
  assignors: ['uniform', 'range'],
  migrationPolicy: 'bidirectional',
  regexRefreshIntervalMs: 600_000,
  timingOf: () => timing,
}

export const settings: GroupSettings = {
  minSessionTimeoutMs: 10,
  maxSessionTimeoutMs: 60_000,
  initialRebalanceDelayMs: 0,
  maxSize: 3,
  offsetMetadataMaxBytes: 8,
  offsetsRetentionMs: 5_000,
  consumer: consumerSettings,
}

export const topicId = new Uint8Array(16).fill(7)

/** Topics that a test adds, grows and deletes. */
export class TestTopics implements TopicSource {
  readonly #topics = new Map<string, TopicInfo>()
  #version = 0
  #nextId = 1

  topics(): Iterable<TopicInfo> {
    return this.#topics.values()
  }

  version(): number {
    return this.#version
  }

  names(): string[] {
    return [...this.#topics.keys()]
  }

  /** Creates a topic, or gives one more partitions. Returns its id. */
  set(name: string, partitions: number): Uint8Array {
    const id = this.#topics.get(name)?.id ?? new Uint8Array(16).fill(this.#nextId++, 8)
    this.#topics.set(name, { name, id, partitions })
    this.#version++
    return id
  }

  delete(name: string): void {
    if (this.#topics.delete(name)) this.#version++
  }
}

/** Runs commands as the broker does (records are replayed before anything else happens) and keeps the records. */
export class ShardHarness {
  readonly clock: ManualClock
  readonly topics: TestTopics
  readonly log: { key: Uint8Array; value: Uint8Array | null }[]
  readonly records: GroupRecord[] = []
  readonly shard: GroupShard
  readonly #image: TopicsImage
  readonly #settings: GroupSettings
  #deferred: Command[] = []
  #isClosed = false

  constructor(options: Partial<GroupSettings> = {}, before?: ShardHarness) {
    this.#settings = { ...settings, ...options }
    this.clock = before?.clock ?? new ManualClock()
    this.topics = before?.topics ?? new TestTopics()
    this.log = before ? [...before.log] : []
    this.#image = new TopicsImage(this.topics)
    this.#image.refresh()
    this.shard = new GroupShard(this.#context())
  }

  #context(): ShardContext {
    return {
      clock: this.clock,
      random: seededRandom(1),
      settings: this.#settings,
      topics: this.#image,
      defer: (command) => this.#deferred.push(command),
      dropDeferred: () => {
        this.#deferred = []
      },
      timers: {
        schedule: (delayMs, command) => this.clock.schedule(delayMs, () => this.run(command)),
        cancel: (handle) => this.clock.cancel(handle),
      },
    }
  }

  /** Runs a command and what it defers. */
  run(command: Command): void {
    if (this.#isClosed) return
    const changed = this.#image.refresh()
    if (changed.length > 0) this.shard.topicsChanged(changed)
    for (let next: Command | undefined = command; next; next = this.#deferred.shift()) {
      let records: readonly GroupRecord[]
      try {
        records = next()
      } catch (cause) {
        this.#deferred = []
        throw cause
      }
      for (const record of records) {
        const encoded = encodeGroupRecord(record)
        this.log.push(encoded)
        this.records.push(record)
        // What is replayed is what was written.
        this.shard.replay(decodeGroupRecord(encoded.key, encoded.value) as GroupRecord)
      }
    }
  }

  /** The records since the last time. */
  takeRecords(): GroupRecord[] {
    return this.records.splice(0)
  }

  /** A shard that knows only the log, as after a restart; this one does nothing any more. */
  restarted(): ShardHarness {
    const next = new ShardHarness(this.#settings, this)
    this.#isClosed = true
    next.#replay(this.log)
    next.shard.recovered()
    return next
  }

  /** A shard that knows only what the log says. */
  recovered(): GroupShard {
    const next = new ShardHarness(this.#settings, this)
    next.#replay(this.log)
    return next.shard
  }

  /** A shard that knows only the snapshot of this one. */
  fromSnapshot(): GroupShard {
    const next = new ShardHarness(this.#settings, this)
    next.#replay(Array.from(this.shard.snapshot(), encodeGroupRecord))
    return next.shard
  }

  #replay(log: readonly { key: Uint8Array; value: Uint8Array | null }[]): void {
    for (const { key, value } of log) this.shard.replay(decodeGroupRecord(key, value) as GroupRecord)
  }
}
