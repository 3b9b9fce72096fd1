import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AssignorName, KafkaConsumer, type TopicPartition } from '../../src/client/index.ts'
import { Fetch, ListOffsets, OffsetCommit, OffsetFetch } from '../../src/definitions/index.ts'
import { RecordBatchBuilder } from '../../src/records/index.ts'
import { type Fate, FakeCluster } from './support/fake-cluster.ts'
import { FakeGroup } from './support/fake-group.ts'
import { VirtualSystem } from './support/virtual-system.ts'

const PARTITIONS = 3

type Step =
  | { do: 'poll'; ms: number; inBatches: boolean }
  | { do: 'write'; partition: number; count: number }
  | { do: 'seek'; partition: number; part: number }
  | { do: 'toBeginning' | 'pause' | 'resume'; partition: number }
  | { do: 'commit' | 'join' | 'leave' | 'lose' }
  | { do: 'fate'; fate: Fate }

const partition = fc.nat({ max: PARTITIONS - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('poll' as const),
      ms: fc.constantFrom(0, 20, 300, 3_000),
      inBatches: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('write' as const), partition, count: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('seek' as const),
      partition,
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('toBeginning' as const, 'pause' as const, 'resume' as const),
      partition,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('commit' as const, 'join' as const, 'leave' as const, 'lose' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('fate' as const),
      fate: fc.constantFrom<Fate>('slow', 'slow', 'silence', 'cutBefore', 'cutAfter'),
    }),
  },
)

const FAILING = new Set<object>([Fetch, ListOffsets, OffsetCommit, OffsetFetch])

describe('whatever a user and the cluster do', () => {
  it.each<{ assignor: AssignorName | undefined }>([
    { assignor: undefined },
    { assignor: 'range' },
    { assignor: 'cooperative-sticky' },
  ])('a consumer hands out each record from its position on, once and in order ($assignor)', async ({ assignor }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(), async (steps, seed) => {
        const world = await World.start(seed, assignor)
        for (const each of [...steps, ...world.ending]) await world.take(each)
        await world.end()
      }),
      { numRuns: 40 },
    )
  })
})

/** A cluster, the consumer that is looked at, another one that comes and goes, and where the first has to go on. */
class World {
  readonly ending: readonly Step[] = [
    { do: 'leave' },
    ...[0, 1, 2].map((p) => ({ do: 'resume' as const, partition: p })),
  ]
  readonly #system: VirtualSystem
  readonly #cluster: FakeCluster
  readonly #group: FakeGroup | undefined
  readonly #assignor: AssignorName | undefined
  readonly #consumer: KafkaConsumer
  /** By partition, the offset that must come next; undefined: not assigned. */
  readonly #next = new Map<number, number>()
  readonly #paused = new Set<number>()
  #other: { consumer: KafkaConsumer; stop: () => Promise<void> } | undefined
  #fates: Fate[] = []

  private constructor(system: VirtualSystem, cluster: FakeCluster, assignor: AssignorName | undefined) {
    this.#system = system
    this.#cluster = cluster
    this.#assignor = assignor
    this.#group = assignor && new FakeGroup(cluster)
    cluster.fateOf = ({ api }) => (FAILING.has(api) ? (this.#fates.shift() ?? 'answer') : 'answer')
    this.#consumer = this.#newConsumer()
    if (assignor) {
      this.#consumer.subscribe(['t'], {
        onPartitionsAssigned: (list) => this.#given(list),
        onPartitionsRevoked: (list) => this.#taken(list),
        onPartitionsLost: (list) => this.#taken(list),
      })
    } else {
      const all = Array.from({ length: PARTITIONS }, (_, i) => ({ topic: 't', partition: i }))
      this.#consumer.assign(all)
      this.#given(all)
    }
  }

  static async start(seed: number, assignor: AssignorName | undefined): Promise<World> {
    const system = new VirtualSystem(seed)
    const cluster = await FakeCluster.start(system)
    cluster.createTopic('t', PARTITIONS)
    const world = new World(system, cluster, assignor)
    for (let i = 0; i < 5 * PARTITIONS; i++) world.#write(i % PARTITIONS, 2)
    return world
  }

  async take(each: Step): Promise<void> {
    switch (each.do) {
      case 'poll':
        return each.inBatches ? this.#pollBatches(each.ms) : this.#poll(each.ms)
      case 'write':
        return this.#write(each.partition, each.count)
      case 'seek':
      case 'toBeginning':
      case 'pause':
      case 'resume':
        if (this.#next.has(each.partition)) this.#move(each)
        return
      case 'commit':
        return this.#commit()
      case 'join':
        return this.#join()
      case 'leave':
        return this.#leave()
      case 'lose':
        if (this.#group) for (const memberId of [...this.#group.members.keys()]) this.#group.remove(memberId)
        return
      case 'fate':
        this.#fates.push(each.fate)
    }
  }

  async end(): Promise<void> {
    const ends = Array.from({ length: PARTITIONS }, (_, i) => [i, this.#cluster.log('t', i).endOffset])
    const isAtEnd = () => ends.every(([p, offset]) => this.#next.get(p as number) === offset)
    for (let i = 0; i < 200 && !isAtEnd(); i++) await this.#poll(5_000)
    expect([...this.#next].sort()).toEqual(ends)
    await this.#system.run(this.#consumer.close())
    expect(this.#cluster.failure).toBeUndefined()
  }

  async #poll(ms: number): Promise<void> {
    for (const record of await this.#system.run(this.#consumer.poll(ms))) {
      this.#expectNext(record.partition, record.offset, record.offset + 1)
    }
  }

  async #pollBatches(ms: number): Promise<void> {
    for (const batches of await this.#system.run(this.#consumer.pollBatches(ms))) {
      this.#expectNext(batches.partition, batches.fetchOffset, batches.nextOffset)
      batches.release()
    }
  }

  #expectNext(p: number, offset: number, next: number): void {
    expect({ p, offset, isPaused: this.#paused.has(p) }).toEqual({ p, offset: this.#next.get(p), isPaused: false })
    this.#next.set(p, next)
  }

  #write(p: number, count: number): void {
    const builder = new RecordBatchBuilder()
    for (let i = 0; i < count; i++) builder.append(null, Buffer.from('x'), 1)
    this.#cluster.log('t', p).append(builder.finish())
  }

  #move(each: Exclude<Step, { do: 'poll' }> & { partition: number }): void {
    const target: TopicPartition = { topic: 't', partition: each.partition }
    if (each.do === 'seek') {
      const offset = Math.floor(each.part * this.#cluster.log('t', each.partition).endOffset)
      this.#consumer.seek({ ...target, offset })
      this.#next.set(each.partition, offset)
    } else if (each.do === 'toBeginning') {
      this.#consumer.seekToBeginning([target])
      this.#next.set(each.partition, 0)
    } else if (each.do === 'pause') {
      this.#consumer.pause([target])
      this.#paused.add(each.partition)
    } else {
      this.#consumer.resume([target])
      this.#paused.delete(each.partition)
    }
  }

  /** Of positions that are not known yet there is nothing to commit. */
  async #commit(): Promise<void> {
    const before = new Map(this.#next)
    try {
      await this.#system.run(this.#consumer.commit(undefined, { timeoutMs: 10_000 }))
    } catch {
      return
    }
    for (const [p, next] of before) {
      const stored = this.#cluster.offsets.get(`g/t-${p}`)
      if (stored !== undefined && this.#known.has(p)) expect({ p, stored }).toEqual({ p, stored: next })
    }
  }

  /** Partitions whose position has been asked for: a commit names them. */
  get #known(): Set<number> {
    const known = new Set<number>()
    const body = this.#cluster.requests.findLast(({ api }) => api === OffsetCommit)?.body
    const topics = (body as { topics?: { partitions: { partitionIndex: number }[] }[] } | undefined)?.topics ?? []
    for (const topic of topics) for (const { partitionIndex } of topic.partitions) known.add(partitionIndex)
    return known
  }

  /** Another member, which polls all the time and commits what it read when it gives something up. */
  #join(): void {
    if (!this.#assignor || this.#other) return
    const consumer = this.#newConsumer(true)
    consumer.subscribe(['t'])
    let isStopped = false
    const polls = (async () => {
      while (!isStopped) await consumer.poll(50)
    })()
    const stop = async () => {
      isStopped = true
      await polls
      await consumer.close()
    }
    this.#other = { consumer, stop }
  }

  async #leave(): Promise<void> {
    const other = this.#other
    this.#other = undefined
    if (!other) return
    // A rebalance ends only when this one polls, too.
    let hasLeft = false
    const leaving = other.stop().finally(() => {
      hasLeft = true
    })
    while (!hasLeft) await this.#poll(100)
    await leaving
  }

  #given(list: readonly TopicPartition[]): void {
    for (const { partition: p } of list) this.#next.set(p, this.#cluster.offsets.get(`g/t-${p}`) ?? 0)
  }

  #taken(list: readonly TopicPartition[]): void {
    for (const { partition: p } of list) {
      this.#next.delete(p)
      this.#paused.delete(p)
    }
  }

  #newConsumer(enableAutoCommit = false): KafkaConsumer {
    return new KafkaConsumer({
      bootstrapServers: this.#cluster.bootstrapServers,
      system: this.#system,
      groupId: 'g',
      autoOffsetReset: 'earliest',
      enableAutoCommit,
      fetchMaxWaitMs: 50,
      requestTimeoutMs: 20_000,
      maxPollRecords: 3,
      maxPartitionFetchBytes: 150,
      ...(this.#assignor ? { partitionAssignors: [this.#assignor], heartbeatIntervalMs: 100 } : {}),
    })
  }
}
