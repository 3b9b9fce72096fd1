import { describe, expect, it } from 'vitest'
import {
  type AssignorName,
  KafkaConsumer,
  type KafkaConsumerOptions,
  type TopicPartition,
} from '../../src/client/index.ts'
import { Heartbeat, JoinGroup, SyncGroup } from '../../src/definitions/index.ts'
import { ErrorCode } from '../../src/errors/index.ts'
import { RecordBatchBuilder } from '../../src/records/index.ts'
import { FakeCluster } from './support/fake-cluster.ts'
import { FakeGroup } from './support/fake-group.ts'
import { VirtualSystem } from './support/virtual-system.ts'

async function setUp(partitions = 4) {
  const system = new VirtualSystem()
  const cluster = await FakeCluster.start(system)
  const logs = cluster.createTopic('t', partitions)
  return { system, cluster, logs, group: new FakeGroup(cluster) }
}

/** A consumer that polls all the time and writes down what happens to it. */
class Member {
  readonly events: string[] = []
  readonly consumer: KafkaConsumer
  readonly listener: Record<`onPartitions${'Assigned' | 'Revoked' | 'Lost'}`, (list: TopicPartition[]) => void>
  records = 0
  #polls: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(
    { cluster, system }: { cluster: FakeCluster; system: VirtualSystem },
    options: Partial<KafkaConsumerOptions> = {},
    topics: readonly string[] = ['t'],
  ) {
    this.consumer = new KafkaConsumer({
      bootstrapServers: cluster.bootstrapServers,
      system,
      groupId: 'g',
      autoOffsetReset: 'earliest',
      fetchMaxWaitMs: 50,
      ...options,
    })
    const note = (what: string) => (list: TopicPartition[]) => {
      this.events.push(
        `${what} ${list
          .map((p) => p.partition)
          .sort()
          .join()}`,
      )
    }
    this.listener = {
      onPartitionsAssigned: note('+'),
      onPartitionsRevoked: note('-'),
      onPartitionsLost: note('lost'),
    }
    this.consumer.subscribe(topics, this.listener)
  }

  start(): this {
    this.#stopped = false
    this.#polls = this.#loop()
    return this
  }

  get partitions(): number[] {
    return this.consumer
      .assignment()
      .map((p) => p.partition)
      .sort()
  }

  async stop(system: VirtualSystem): Promise<void> {
    this.#stopped = true
    await system.run(this.#polls)
  }

  async close(system: VirtualSystem): Promise<void> {
    await this.stop(system)
    await system.run(this.consumer.close())
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) this.records += (await this.consumer.poll(100)).length
  }
}

const options = (partitionAssignors: AssignorName[]) => ({ partitionAssignors, heartbeatIntervalMs: 100 })

describe('a classic group', () => {
  it('divides the partitions eagerly: all give up theirs first', async () => {
    const world = await setUp()
    const { system } = world
    const a = new Member(world, options(['range'])).start()
    await system.pass(1_000)
    expect(a.partitions).toEqual([0, 1, 2, 3])
    const b = new Member(world, options(['range'])).start()
    await system.pass(2_000)
    expect([a.partitions, b.partitions]).toEqual([
      [0, 1],
      [2, 3],
    ])
    expect(a.events).toEqual(['+ 0,1,2,3', '- 0,1,2,3', '+ 0,1'])
    await b.close(system)
    expect(b.events).toEqual(['+ 2,3', '- 2,3'])
    await system.pass(2_000)
    expect(a.partitions).toEqual([0, 1, 2, 3])
    await a.close(system)
    expect(world.group.members.size).toBe(0)
  })

  it('divides them cooperatively: only what moves is given up', async () => {
    const world = await setUp()
    const { system } = world
    const a = new Member(world, options(['cooperative-sticky'])).start()
    await system.pass(1_000)
    const b = new Member(world, options(['cooperative-sticky'])).start()
    await system.pass(3_000)
    expect(a.partitions.length).toBe(2)
    expect([...a.partitions, ...b.partitions].sort()).toEqual([0, 1, 2, 3])
    expect(a.events.filter((event) => event.startsWith('-')).length).toBe(1)
    expect(a.events[0]).toBe('+ 0,1,2,3')
    await a.close(system)
    await b.close(system)
  })

  it('reads each record at least once over rebalances, and all of them', async () => {
    const world = await setUp()
    const { system, logs } = world
    const a = new Member(world, options(['range'])).start()
    const fill = () => {
      for (const log of logs) {
        const builder = new RecordBatchBuilder()
        builder.append(null, Buffer.from('x'), 1)
        log.append(builder.finish())
      }
    }
    for (let i = 0; i < 20; i++) {
      fill()
      await system.pass(100)
    }
    const b = new Member(world, options(['range'])).start()
    for (let i = 0; i < 20; i++) {
      fill()
      await system.pass(100)
    }
    await b.close(system)
    await system.pass(2_000)
    // Offsets are committed before partitions are given up, so that nothing is read twice either.
    expect(a.records + b.records).toBe(160)
    await a.close(system)
  })

  it('comes back as a new member when the coordinator forgot it, and says that its partitions are lost', async () => {
    const world = await setUp()
    const { system, group } = world
    const a = new Member(world, options(['cooperative-sticky'])).start()
    await system.pass(1_000)
    for (const memberId of [...group.members.keys()]) group.remove(memberId)
    await system.pass(2_000)
    expect(a.events).toEqual(['+ 0,1,2,3', 'lost 0,1,2,3', '+ 0,1,2,3'])
    await a.close(system)
  })

  it('is an ordinary member again after its membership was lost while its listener gave up partitions', async () => {
    const world = await setUp()
    const { system, group } = world
    const a = new Member(world, options(['range']))
    let isSlow = true
    a.consumer.subscribe(['t'], {
      ...a.listener,
      onPartitionsRevoked: async (partitions) => {
        a.listener.onPartitionsRevoked(partitions)
        if (!isSlow) return
        isSlow = false
        const [memberId] = [...group.members.keys()]
        group.remove(memberId as string)
        await new Promise<void>((resolve) => system.timers.schedule(1_000, resolve))
      },
    })
    a.start()
    await system.pass(1_000)
    const b = new Member(world, options(['range'])).start()
    await system.pass(4_000)
    expect([...a.partitions, ...b.partitions].sort()).toEqual([0, 1, 2, 3])
    expect(a.partitions.length).toBe(2)
    await b.close(system)
    await system.pass(2_000)
    expect(a.partitions).toEqual([0, 1, 2, 3])
    expect(a.events.filter((event) => event.startsWith('lost'))).toEqual([])
    await a.close(system)
  })

  it('gives up its partitions when another has taken its place', async () => {
    const world = await setUp()
    const { system, cluster } = world
    const a = new Member(world, { ...options(['range']), groupInstanceId: 'one' })
    while (a.partitions.length === 0) await system.run(a.consumer.poll(100))
    cluster.override(Heartbeat, () => ({ errorCode: ErrorCode.FENCED_INSTANCE_ID }))
    cluster.override(JoinGroup, () => {
      const errorCode = ErrorCode.FENCED_INSTANCE_ID
      return { errorCode, generationId: -1, protocolName: '', leader: '', memberId: '', members: [] }
    })
    const fenced = { code: 'KAFKA_FENCED_INSTANCE_ID' }
    await expect(system.run(a.consumer.poll(5_000))).rejects.toMatchObject(fenced)
    await expect(system.run(a.consumer.poll(5_000))).rejects.toMatchObject(fenced)
    expect(a.events).toEqual(['+ 0,1,2,3', 'lost 0,1,2,3'])
    expect(a.partitions).toEqual([])
    await system.run(a.consumer.close())
  })

  it('leaves when it is not polled for too long, and comes back with the next poll', async () => {
    const world = await setUp()
    const { system, group } = world
    const a = new Member(world, { ...options(['range']), maxPollIntervalMs: 5_000 }).start()
    await system.pass(1_000)
    await a.stop(system)
    await system.pass(6_000)
    expect(group.members.size).toBe(0)
    a.start()
    await system.pass(1_000)
    expect(a.events).toEqual(['+ 0,1,2,3', 'lost 0,1,2,3', '+ 0,1,2,3'])
    await a.close(system)
  })

  it('assigns anew when partitions are added', async () => {
    const world = await setUp(2)
    const { system, cluster } = world
    const a = new Member(world, { ...options(['range']), metadataMaxAgeMs: 1_000 }).start()
    await system.pass(1_000)
    expect(a.partitions).toEqual([0, 1])
    cluster.createTopic('t', 3)
    await system.pass(5_000)
    expect(a.partitions).toEqual([0, 1, 2])
    await a.close(system)
  })

  it('waits for topics that do not exist yet', async () => {
    const world = await setUp()
    const { system, cluster } = world
    const a = new Member(world, options(['range']), ['later']).start()
    await system.pass(2_000)
    expect(a.partitions).toEqual([])
    cluster.createTopic('later', 2)
    await system.pass(3_000)
    expect(a.partitions).toEqual([0, 1])
    await a.close(system)
  })

  it('joins again when the coordinator is not ready or a rebalance overtakes it', async () => {
    const world = await setUp()
    const { system, cluster } = world
    const failures = [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.NOT_COORDINATOR]
    cluster.override(JoinGroup, () => {
      const errorCode = failures.shift()
      if (errorCode === undefined) return undefined
      return { errorCode, generationId: -1, protocolName: '', leader: '', memberId: '', members: [] }
    })
    let syncs = 1
    cluster.override(SyncGroup, () =>
      syncs-- > 0 ? { errorCode: ErrorCode.REBALANCE_IN_PROGRESS, assignment: new Uint8Array(0) } : undefined,
    )
    const a = new Member(world, options(['range'])).start()
    await system.pass(5_000)
    expect(a.events).toEqual(['+ 0,1,2,3'])
    await a.close(system)
  })

  it('lets a listener commit what it gives up, on close as well', async () => {
    const world = await setUp(1)
    const { system, cluster, logs } = world
    const builder = new RecordBatchBuilder()
    builder.append(null, Buffer.from('x'), 1)
    logs[0]?.append(builder.finish())
    const consumer = new KafkaConsumer({
      bootstrapServers: cluster.bootstrapServers,
      system,
      groupId: 'g',
      autoOffsetReset: 'earliest',
      enableAutoCommit: false,
    })
    consumer.subscribe(['t'], { onPartitionsRevoked: () => consumer.commit() })
    while ((await system.run(consumer.poll(1_000))).length === 0);
    await system.run(consumer.close())
    expect(cluster.offsets.get('g/t-0')).toBe(1)
    await expect(consumer.commit()).rejects.toMatchObject({ code: 'KAFKA_CLIENT_CLOSED' })
  })

  it('throws from poll what makes joining impossible', async () => {
    const world = await setUp()
    const { system, cluster } = world
    cluster.override(JoinGroup, () => {
      const errorCode = ErrorCode.GROUP_AUTHORIZATION_FAILED
      return { errorCode, generationId: -1, protocolName: '', leader: '', memberId: '', members: [] }
    })
    const { consumer } = new Member(world, options(['range']))
    await expect(system.run(consumer.poll(5_000))).rejects.toMatchObject({ code: 'KAFKA_GROUP_AUTHORIZATION_FAILED' })
    await system.run(consumer.close())
  })
})
