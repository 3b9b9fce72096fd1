import { describe, expect, it } from 'vitest'
import { KafkaAdmin, KafkaConsumer, type KafkaConsumerOptions } from '../../src/client/index.ts'
import { DeleteGroups, Fetch, ListOffsets, OffsetFetch } from '../../src/definitions/index.ts'
import { RecordBatchBuilder } from '../../src/records/index.ts'
import { FakeCluster } from './support/fake-cluster.ts'
import type { FakeLog } from './support/fake-log.ts'
import { VirtualSystem } from './support/virtual-system.ts'

const T0 = { topic: 't', partition: 0 }
const T1 = { topic: 't', partition: 1 }

async function setUp(options: Partial<KafkaConsumerOptions> = {}, { brokers = 1, partitions = 1 } = {}) {
  const system = new VirtualSystem()
  const cluster = await FakeCluster.start(system, brokers)
  const logs = cluster.createTopic('t', partitions)
  const { bootstrapServers } = cluster
  const consumer = new KafkaConsumer({ bootstrapServers, system, autoOffsetReset: 'earliest', ...options })
  return { system, cluster, consumer, logs, log: logs[0] as FakeLog }
}

function fill(log: FakeLog, value: string): void {
  const builder = new RecordBatchBuilder({ compression: value.length > 1_000 ? 'gzip' : 'none' })
  builder.append(null, Buffer.from(value), 1)
  log.append(builder.finish())
}

describe('a consumer', () => {
  it('does not pass over a batch that it cannot unpack, however often it is asked', async () => {
    const { system, consumer, log } = await setUp({ maxDecompressedBytes: 1_000 })
    fill(log, 'a')
    fill(log, 'x'.repeat(5_000))
    fill(log, 'c')
    consumer.assign([T0])
    expect((await system.run(consumer.poll(1_000))).length).toBe(1)
    for (let i = 0; i < 3; i++) {
      await expect(system.run(consumer.poll(1_000))).rejects.toMatchObject({
        code: 'KAFKA_CORRUPT_BATCH',
        message: expect.stringContaining('t-0 at offset 1'),
      })
    }
    consumer.seek({ ...T0, offset: 2 })
    expect((await system.run(consumer.poll(1_000))).map((record) => record.offset)).toEqual([2])
    await system.run(consumer.close())
  })

  it('says that an answer is larger than it accepts, instead of asking for it for ever', async () => {
    const { system, consumer, log } = await setUp({ maxFrameBytes: 2_000 })
    for (let i = 0; i < 3; i++) fill(log, 'x'.repeat(900))
    consumer.assign([T0])
    await expect(system.run(consumer.poll(10_000))).rejects.toMatchObject({ code: 'KAFKA_BAD_FRAME' })
    await system.run(consumer.close())
  })

  it('goes on after an error that the broker did not expect', async () => {
    const { system, cluster, consumer, log } = await setUp()
    fill(log, 'a')
    let failures = 1
    cluster.override(Fetch, ({ body }) => {
      if (failures-- <= 0) return undefined
      const failed = { partitionIndex: 0, errorCode: -1, highWatermark: -1, abortedTransactions: null, records: null }
      return { responses: body.topics.map(({ topicId }) => ({ topic: 't', topicId, partitions: [failed] })) }
    })
    consumer.assign([T0])
    expect((await system.run(consumer.poll(5_000))).length).toBe(1)
    await system.run(consumer.close())
  })

  it('reads the partitions that it can while another topic does not exist', async () => {
    const { system, consumer, log } = await setUp({ allowAutoCreateTopics: false })
    fill(log, 'a')
    consumer.assign([{ topic: 'missing', partition: 0 }, T0])
    expect((await system.run(consumer.poll(3_000))).length).toBe(1)
    await system.run(consumer.close())
  })

  it('reads the partitions that it can while the leader of another does not answer', async () => {
    const { system, cluster, consumer, logs } = await setUp({}, { brokers: 2, partitions: 2 })
    cluster.fateOf = ({ api, nodeId }) => (api === ListOffsets && nodeId === 1 ? 'silence' : 'answer')
    fill(logs[0] as FakeLog, 'a')
    fill(logs[1] as FakeLog, 'b')
    consumer.assign([T1])
    await system.run(consumer.poll(100))
    consumer.assign([T0, T1])
    expect((await system.run(consumer.poll(3_000))).length).toBe(1)
    await system.run(consumer.close())
  })

  it('is closed within seconds when its connections are dead without a word', async () => {
    const { system, cluster, consumer, log } = await setUp({ groupId: 'g' })
    fill(log, 'a')
    consumer.assign([T0])
    expect((await system.run(consumer.poll(1_000))).length).toBe(1)
    cluster.fateOf = () => 'silence'
    const before = system.clock.monotonic()
    await system.run(consumer.close())
    expect(system.clock.monotonic() - before).toBeLessThan(8_000)
  })

  it('is not closed before a slow broker has answered, as long as it can be reached', async () => {
    const { system, cluster, consumer, log } = await setUp({ groupId: 'g' })
    fill(log, 'a')
    consumer.assign([T0])
    await system.run(consumer.poll(1_000))
    cluster.fateOf = ({ api }) => (api.name === 'OffsetCommit' ? 'slow' : 'answer')
    await system.run(consumer.close())
    expect(cluster.offsets.get('g/t-0')).toBe(1)
  })

  it('keeps the time limits of its calls, and ends them when told to, also without an answer', async () => {
    const { system, cluster, consumer } = await setUp({ groupId: 'g' })
    await system.run(consumer.partitionsFor('t'))
    cluster.fateOf = ({ api }) => (api === OffsetFetch || api === ListOffsets ? 'silence' : 'answer')
    const before = system.clock.monotonic()
    const late = { code: 'KAFKA_TIMEOUT' }
    await expect(system.run(consumer.committed([T0], { timeoutMs: 1_000 }))).rejects.toMatchObject(late)
    await expect(system.run(consumer.endOffsets([T0], { timeoutMs: 1_000 }))).rejects.toMatchObject(late)
    const abort = new AbortController()
    const aborted = expect(consumer.endOffsets([T0], { signal: abort.signal })).rejects.toThrow('enough')
    await system.pass(100)
    abort.abort(new Error('enough'))
    await system.run(aborted)
    expect(system.clock.monotonic() - before).toBeLessThan(2_500)
    await system.run(consumer.close())
  })
})

describe('an admin client', () => {
  it('deletes the other groups when one of them cannot be deleted', async () => {
    const { system, cluster } = await setUp()
    const deleted: string[] = []
    cluster.override(DeleteGroups, ({ body }) => ({
      results: body.groupsNames.map((groupId) => {
        if (groupId === 'missing') return { groupId, errorCode: 69 }
        deleted.push(groupId)
        return { groupId }
      }),
    }))
    const admin = new KafkaAdmin({ bootstrapServers: cluster.bootstrapServers, system })
    await expect(system.run(admin.deleteGroups(['a', 'missing', 'b']))).rejects.toMatchObject({
      code: 'KAFKA_GROUP_ID_NOT_FOUND',
    })
    expect(deleted).toEqual(['a', 'b'])
    await admin.close()
  })
})
