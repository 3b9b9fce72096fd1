import { ErrorCode, KafkaAdmin, KafkaConsumer, KafkaProducer } from '@millrace/kafka'
import { expect, it } from 'vitest'
import { compatSuite, freshName } from './suite.ts'

compatSuite("Millrace's client: groups and administration", { available: true, value: undefined }, (_, target) => {
  const options = () => ({ bootstrapServers: target.bootstrap })

  async function setUp(partitions = 4) {
    const topic = freshName('admin')
    const admin = new KafkaAdmin(options())
    await admin.createTopics([{ topic, partitions }])
    return { topic, admin, groupId: freshName('group') }
  }

  it('shares a KIP-848 group and gives up partitions one by one', async () => {
    const { topic, admin, groupId } = await setUp()
    const common = { ...options(), groupId, groupProtocol: 'consumer', autoOffsetReset: 'earliest' } as const
    const first = new KafkaConsumer(common)
    const second = new KafkaConsumer({ ...common, groupRemoteAssignor: 'uniform' })
    const revoked: number[] = []
    first.subscribe([topic], { onPartitionsRevoked: (gone) => void revoked.push(...gone.map((p) => p.partition)) })
    let isOver = false
    let received = 0
    const shares = [0, 0]
    const read = async (consumer: KafkaConsumer, i: number) => {
      while (!isOver) {
        const records = await consumer.poll(100)
        received += records.length
        shares[i] = consumer.assignment().length
      }
    }
    const reading = [read(first, 0)]
    await expect.poll(() => shares.join(), { timeout: 30_000 }).toBe('4,0')
    second.subscribe({ pattern: `${topic}.*` })
    reading.push(read(second, 1))
    await expect.poll(() => shares.join(), { timeout: 60_000 }).toBe('2,2')
    expect(revoked).toHaveLength(2)
    await using producer = new KafkaProducer(options())
    await Promise.all(Array.from({ length: 40 }, (_, i) => producer.send({ topic, partition: i % 4, value: `${i}` })))
    await expect.poll(() => received, { timeout: 30_000 }).toBe(40)
    const [group] = await admin.describeConsumerGroups([groupId])
    expect(group).toMatchObject({ type: 'consumer', state: 'Stable', protocol: 'uniform' })
    expect(group?.members.map(({ partitions }) => partitions.length)).toEqual([2, 2])
    isOver = true
    await Promise.all(reading)
    // Closing commits what was read, each under its own epoch.
    await second.close()
    await first.close()
    const committed = await admin.fetchOffsets(groupId)
    expect(committed.map(({ offset }) => offset)).toEqual([10, 10, 10, 10])
    expect(await admin.listGroups({ types: ['consumer'], states: ['Empty'] })).toContainEqual(
      expect.objectContaining({ groupId, type: 'consumer' }),
    )
    await admin.close()
  }, 120_000)

  it('keeps the place of a static member of a KIP-848 group', async () => {
    const { topic, admin, groupId } = await setUp()
    const common = { ...options(), groupId, groupProtocol: 'consumer', groupInstanceId: 'place' } as const
    const joined = async (consumer: KafkaConsumer) => {
      consumer.subscribe([topic])
      while (consumer.assignment().length === 0) await consumer.poll(200)
      return consumer.groupMetadata()
    }
    const first = new KafkaConsumer(common)
    await joined(first)
    const other = new KafkaConsumer(common)
    await expect(joined(other)).rejects.toMatchObject({ code: 'KAFKA_UNRELEASED_INSTANCE_ID' })
    await other.close()
    await first.close()
    const again = new KafkaConsumer(common)
    expect(await joined(again)).toMatchObject({ groupInstanceId: 'place' })
    await again.close()
    await admin.close()
  })

  it('subscribes by a regular expression of its own, classic too', async () => {
    const { topic, admin, groupId } = await setUp(1)
    const consumer = new KafkaConsumer({ ...options(), groupId })
    consumer.subscribe(new RegExp(`^${topic}$`))
    while (consumer.assignment().length === 0) await consumer.poll(200)
    expect(consumer.subscription()).toEqual([topic])
    await consumer.close()
    await admin.close()
  })

  it('fetches in sessions while partitions are paused, sought and resumed', async () => {
    const { topic, admin } = await setUp(3)
    const partitions = [0, 1, 2].map((partition) => ({ topic, partition }))
    await using producer = new KafkaProducer(options())
    const produce = (value: string) => Promise.all(partitions.map((p) => producer.send({ ...p, value })))
    await using consumer = new KafkaConsumer({ ...options(), fetchMaxWaitMs: 100 })
    consumer.assign(partitions)
    consumer.seekToBeginning()
    const seen: string[] = []
    const read = async (count: number) => {
      seen.length = 0
      while (seen.length < count) {
        for (const { partition, value } of await consumer.poll(200)) seen.push(`${partition}${value}`)
      }
      return seen.sort()
    }
    for (const value of ['a', 'b']) {
      await produce(value)
      expect(await read(3)).toEqual([`0${value}`, `1${value}`, `2${value}`])
    }
    consumer.pause([partitions[1] as never])
    await produce('c')
    expect(await read(2)).toEqual(['0c', '2c'])
    consumer.seek({ topic, partition: 0, offset: 1 })
    expect(await read(2)).toEqual(['0b', '0c'])
    consumer.resume([partitions[1] as never])
    expect(await read(1)).toEqual(['1c'])
    await produce('d')
    expect(await read(3)).toEqual(['0d', '1d', '2d'])
    await admin.close()
  })

  it('changes settings one by one', async () => {
    const { topic, admin } = await setUp(1)
    const resource = { type: 'topic', name: topic } as const
    const setHere = async () =>
      Object.fromEntries(
        (await admin.describeConfigs(resource)).filter((c) => c.source === 'topic').map((c) => [c.name, c.value]),
      )
    // In a cluster brokers hear of it a moment later.
    const becomes = (expected: Record<string, string>) => expect.poll(setHere, { timeout: 10_000 }).toEqual(expected)
    await admin.incrementalAlterConfigs(resource, [
      { name: 'retention.ms', value: 3_600_000 },
      { name: 'cleanup.policy', operation: 'append', value: 'compact' },
    ])
    await becomes({ 'retention.ms': '3600000', 'cleanup.policy': 'delete,compact' })
    await admin.incrementalAlterConfigs(resource, [
      { name: 'cleanup.policy', operation: 'subtract', value: 'delete' },
      { name: 'retention.ms', operation: 'delete' },
    ])
    await becomes({ 'cleanup.policy': 'compact' })
    const wrong = admin.incrementalAlterConfigs(resource, [{ name: 'retention.ms', value: 'soon' }])
    await expect(wrong).rejects.toMatchObject({ code: 'KAFKA_INVALID_CONFIG' })
    await admin.incrementalAlterConfigs(resource, [{ name: 'retention.ms', value: 5 }], { validateOnly: true })
    expect(await setHere()).toEqual({ 'cleanup.policy': 'compact' })
    expect(await admin.listConfigResources({ types: ['topic'] })).toContainEqual(resource)
    await admin.close()
  })

  it('describes what a cluster is made of', async () => {
    const { topic, admin } = await setUp(3)
    await using producer = new KafkaProducer(options())
    await producer.send({ topic, partition: 0, value: 'x', timestamp: 1_700_000_000_000 })
    const described: number[] = []
    for await (const { partition } of admin.describeTopicPartitions([topic], { pageSize: 2 })) described.push(partition)
    expect(described).toEqual([0, 1, 2])
    const replicas = async () => (await admin.describeLogDirs({ topics: [topic] })).flatMap((dir) => dir.replicas)
    // Apache Kafka makes a partition's folder after its leader is known.
    await expect
      .poll(async () => (await replicas()).map(({ partition }) => partition).sort(), { timeout: 10_000 })
      .toEqual([0, 1, 2])
    expect((await replicas()).find(({ partition }) => partition === 0)?.sizeBytes).toBeGreaterThan(0)
    const [latest] = await admin.listOffsets([{ topic, partition: 0, at: 'maxTimestamp' }])
    expect(latest).toMatchObject({ offset: 0, timestamp: 1_700_000_000_000 })
    expect((await admin.describeQuorum()).voters.length).toBeGreaterThan(0)
    const features = await admin.describeFeatures()
    expect(features).toContainEqual({ name: 'transaction.version', level: 2, supported: [0, 2] })
    expect(features).toContainEqual({ name: 'group.version', level: 1, supported: [0, 1] })
    const tooHigh = admin.updateFeatures([{ name: 'transaction.version', level: 9 }], { validateOnly: true })
    await expect(tooHigh).rejects.toMatchObject({ code: 'KAFKA_INVALID_UPDATE_VERSION' })
    const [elected] = await admin.electLeaders('preferred', [{ topic, partition: 0 }])
    expect(elected?.error?.kafkaCode).toBe(ErrorCode.ELECTION_NOT_NEEDED)
    const moved = await admin.alterPartitionReassignments([{ topic, partition: 1, replicas: [4_711] }])
    expect(moved[0]?.error?.kafkaCode).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    expect(await admin.listPartitionReassignments({ partitions: [{ topic, partition: 1 }] })).toEqual([])
    const [broker] = (await admin.describeCluster()).brokers
    const [elsewhere] = await admin.alterReplicaLogDirs(broker?.nodeId ?? -1, [{ topic, partition: 0, path: '/none' }])
    expect(elsewhere?.error?.kafkaCode).toBe(ErrorCode.LOG_DIR_NOT_FOUND)
    await admin.close()
  })

  it('sets, deletes and keeps offsets of a group, and removes its static members', async () => {
    const { topic, admin, groupId } = await setUp(2)
    const consumer = new KafkaConsumer({ ...options(), groupId, groupInstanceId: 'place', autoOffsetReset: 'earliest' })
    consumer.subscribe([topic])
    while (consumer.assignment().length === 0) await consumer.poll(200)
    const [refused] = await admin.deleteOffsets(groupId, [{ topic, partition: 0 }])
    expect(refused?.error?.kafkaCode).toBe(ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC)
    await consumer.close()
    await admin.removeMembers(groupId)
    const [empty] = await admin.describeConsumerGroups([groupId])
    expect(empty).toMatchObject({ type: 'classic', state: 'Empty', members: [] })
    await admin.alterOffsets(groupId, [
      { topic, partition: 0, offset: 3, metadata: 'm' },
      { topic, partition: 1, offset: 4 },
    ])
    expect(await admin.deleteOffsets(groupId, [{ topic, partition: 1 }])).toEqual([
      { topic, partition: 1, error: undefined },
    ])
    expect(await admin.fetchOffsets(groupId)).toEqual([{ topic, partition: 0, offset: 3, metadata: 'm' }])
    await admin.deleteGroups([groupId])
    expect((await admin.describeConsumerGroups([groupId]))[0]?.state).toBe('Dead')
    await admin.close()
  })
})
