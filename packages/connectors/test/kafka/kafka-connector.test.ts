import assert from 'node:assert/strict'
import { type Broker, startBroker } from '@millrace/broker'
import { collectSink, executeJob, job, type JobDefinition, schema, tumbling } from '@millrace/engine'
import { KafkaAdmin, KafkaConsumer, KafkaProducer } from '@millrace/kafka'
import { bytesToString, hostSystem } from '@millrace/std'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { json, text } from '../../src/formats/index.ts'
import { kafkaSink, kafkaSource } from '../../src/kafka/index.ts'

let broker: Broker
let admin: KafkaAdmin
let topics = 0

beforeAll(async () => {
  broker = await startBroker({ port: 0, data: 'memory' })
  admin = new KafkaAdmin({ bootstrapServers: broker.bootstrapServers })
})

afterAll(async () => {
  await admin.close()
  await broker.close()
})

async function newTopic(partitions = 3): Promise<string> {
  const topic = `topic-${++topics}`
  await admin.createTopics([{ topic, partitions }])
  return topic
}

async function produce(
  topic: string,
  records: { key?: string; value: string; timestamp?: number; partition?: number }[],
) {
  await using producer = new KafkaProducer({ bootstrapServers: broker.bootstrapServers })
  await Promise.all(records.map((record) => producer.send({ topic, ...record })))
}

/** What is in the topic, by partition and offset. */
async function consume(
  topic: string,
  count: number,
): Promise<{ key: string | null; value: string; timestamp: number }[]> {
  await using consumer = new KafkaConsumer({ bootstrapServers: broker.bootstrapServers })
  const partitions = (await consumer.partitionsFor(topic)).partitions.map(({ partition }) => ({ topic, partition }))
  consumer.assign(partitions)
  consumer.seekToBeginning()
  const found: { key: string | null; value: string; timestamp: number }[] = []
  while (found.length < count) {
    for (const { key, value, timestamp } of await consumer.poll(5000)) {
      found.push({ key: key && bytesToString(key), value: bytesToString(value as Uint8Array), timestamp })
    }
  }
  return found
}

async function run(definition: JobDefinition) {
  const handle = await executeJob(definition, { settings: { 'bootstrap.servers': broker.bootstrapServers } })
  return handle.result
}

describe('topic → job → topic', () => {
  it('counts words in event-time windows, partitions and all', async () => {
    const [lines, counts] = [await newTopic(), await newTopic(2)]
    await produce(
      lines,
      ['to be or not', 'to be', 'be', 'or'].map((value, i) => ({
        value,
        timestamp: 1000 * (i * 3 + 1),
        partition: i % 3,
      })),
    )
    await run(
      job('word-count', (env) => {
        env
          .fromSource(kafkaSource({ topic: lines, value: text(), stop: 'latest' }))
          .flatMap((line) => line.toLowerCase().split(/\W+/).filter(Boolean))
          .keyBy((word) => word)
          .window(tumbling('5 s'))
          .count()
          .sinkTo(kafkaSink({ topic: counts, value: json(), key: ({ key }) => key }))
      }),
    )
    const results = (await consume(counts, 6)).map(({ key, value, timestamp }) => {
      const count = JSON.parse(value)
      expect(key).toBe(count.key)
      expect(timestamp).toBe(count.end - 1)
      return `${count.start / 1000}: ${count.key} ${count.count}`
    })
    expect(results.sort()).toEqual(['0: be 2', '0: not 1', '0: or 1', '0: to 2', '10: or 1', '5: be 1'])
  })

  it('reads columns of a schema, and only between start and stop', async () => {
    const [bids, prices] = [await newTopic(1), await newTopic(1)]
    await produce(
      bids,
      Array.from({ length: 100 }, (_, i) => ({ value: JSON.stringify({ auction: i, price: i / 2, extra: 'x' }) })),
    )
    await run(
      job('prices', (env) => {
        env
          .fromSource(
            kafkaSource({
              topic: bids,
              value: json(schema({ auction: 'int64', price: 'float64', extra: 'string' })),
              start: { offsets: { [bids]: { 0: 10 } } },
              stop: { offsets: { [bids]: { 0: 20 } } },
            }),
          )
          .filter((bid) => bid.price >= 7)
          .map((bid) => ({ id: bid.auction }))
          .sinkTo(kafkaSink({ topic: prices, value: json() }))
      }),
    )
    const found = (await consume(prices, 6)).map(({ value }) => JSON.parse(value).id)
    expect(found).toEqual([14, 15, 16, 17, 18, 19])
  })

  it('commits progress for its group, and goes on from there', async () => {
    const [from, to] = [await newTopic(2), await newTopic(1)]
    const copy = job('copy', (env) => {
      env
        .fromSource(kafkaSource({ topic: from, value: text(), groupId: 'copiers', start: 'committed', stop: 'latest' }))
        .sinkTo(kafkaSink({ topic: to, value: text() }))
    })
    await produce(from, [
      { value: 'a', partition: 0 },
      { value: 'b', partition: 1 },
    ])
    await run(copy)
    expect((await admin.fetchOffsets('copiers')).map(({ partition, offset }) => [partition, offset]).sort()).toEqual([
      [0, 1],
      [1, 1],
    ])
    await produce(from, [{ value: 'c', partition: 1 }])
    await run(copy)
    expect((await consume(to, 3)).map(({ value }) => value).sort()).toEqual(['a', 'b', 'c'])
    const [{ offset } = { offset: 0 }] = await admin.listOffsets([{ topic: to, partition: 0, at: 'latest' }])
    expect(offset).toBe(3)
  })

  it('puts bad records aside with where they stood', async () => {
    const [from, to, dead] = [await newTopic(1), await newTopic(1), await newTopic(1)]
    await produce(from, [{ value: '1' }, { key: 'k', value: '{' }, { value: '3' }])
    await run(
      job('numbers', (env) => {
        env
          .fromSource(
            kafkaSource({ topic: from, value: json<number>(), stop: 'latest', onBadRecord: { deadLetterTopic: dead } }),
          )
          .sinkTo(kafkaSink({ topic: to, value: json() }))
      }),
    )
    expect((await consume(to, 2)).map(({ value }) => value)).toEqual(['1', '3'])
    expect(await consume(dead, 1)).toMatchObject([{ key: 'k', value: '{' }])
  })

  it('fails with the record that cannot be decoded, and with the record that user code chokes on', async () => {
    const from = await newTopic(1)
    await produce(from, [{ value: 'fine' }, { value: 'poison' }])
    const settings = { 'bootstrap.servers': broker.bootstrapServers }
    const decode = job('decode', (env) => {
      env.fromSource(kafkaSource({ topic: from, value: json(), stop: 'latest' })).print()
    })
    await expect(executeJob(decode, { settings }).then(({ result }) => result)).rejects.toThrow(
      `topic ${from}, partition 0, offset 0 does not fit its format`,
    )
    const choke = job('choke', (env) => {
      env
        .fromSource(kafkaSource({ topic: from, value: text(), stop: 'latest' }))
        .map((value) => {
          if (value === 'poison') throw new Error('cannot stomach this')
          return value
        })
        .sinkTo(kafkaSink({ topic: from, value: text() }))
    })
    await expect(executeJob(choke, { settings }).then(({ result }) => result)).rejects.toThrow(
      new RegExp(`map.*topic ${from}, partition 0, offset 1.*`, 's'),
    )
  })

  it('finds partitions that are added while it runs', async () => {
    const [from, to] = [await newTopic(1), await newTopic(1)]
    const endless = job('endless', (env) => {
      env
        .fromSource(kafkaSource({ topic: from, value: text(), discoveryIntervalMs: 20 }))
        .sinkTo(kafkaSink({ topic: to, value: text() }))
    })
    await using handle = await executeJob(endless, { settings: { 'bootstrap.servers': broker.bootstrapServers } })
    await produce(from, [{ value: 'old' }])
    expect(await consume(to, 1)).toMatchObject([{ value: 'old' }])
    await admin.createPartitions([{ topic: from, count: 2 }])
    await produce(from, [{ value: 'new', partition: 1 }])
    expect((await consume(to, 2)).map(({ value }) => value)).toEqual(['old', 'new'])
    await handle.stop()
  })

  it.each([
    ['throws', () => assert.fail('no key'), 'ENGINE_USER_FUNCTION_FAILED'],
    ['is no key', () => 5 as never, 'CONNECTOR_BAD_KEY'],
  ])('fails with the record whose key %s', async (_what, key, code) => {
    const topic = await newTopic(1)
    const failing = run(
      job('keys', (env) => void env.fromCollection(['a']).sinkTo(kafkaSink({ topic, value: text(), key }))),
    )
    await expect(failing).rejects.toMatchObject({
      code,
      operator: `Kafka sink (${topic})`,
      record: 'record 0 of the collection',
    })
  })

  it('says soon that the topic of a sink is missing', async () => {
    const definition = job('missing', (env) => {
      env.fromCollection(['a']).sinkTo(kafkaSink({ topic: 'nowhere', value: text() }))
    })
    const { timers } = hostSystem
    const schedule = (delayMs: number, callback: () => void) =>
      timers.schedule(delayMs === 5000 ? 1 : delayMs, callback)
    const starting = executeJob(definition, {
      settings: { 'bootstrap.servers': broker.bootstrapServers },
      system: { ...hostSystem, timers: { ...timers, schedule } },
    })
    await expect(starting).rejects.toMatchObject({ code: 'KAFKA_UNKNOWN_TOPIC_OR_PARTITION' })
  })

  it('knows its lag also when a partition has no records', async () => {
    const topic = await newTopic(2)
    await produce(topic, [{ value: 'a', partition: 0 }])
    const sink = collectSink<string>()
    const handle = await executeJob(
      job('lag', (env) => void env.fromSource(kafkaSource({ topic, value: text() })).sinkTo(sink)),
      { settings: { 'bootstrap.servers': broker.bootstrapServers } },
    )
    await expect.poll(() => [sink.values.length, handle.metrics().pendingRecords], { timeout: 10_000 }).toEqual([1, 0])
    await handle.stop()
    expect(handle.metrics().pendingRecords).toBe(0)
  })

  it('refuses what cannot work, before anything runs', async () => {
    expect(() => kafkaSource({ topic: 't' } as never)).toThrow('either value (a format) or record')
    expect(() => kafkaSource({ topic: 't', value: text(), start: 'committed' })).toThrow('needs a group')
    expect(() => kafkaSource({ topic: 't', value: text(), bootstrapServer: 'x' } as never)).toThrow(
      expect.objectContaining({ fix: "Did you mean 'bootstrapServers'?" }),
    )
    const lost = job('lost', (env) => {
      env.fromSource(kafkaSource({ topic: 't', value: text() })).print()
    })
    await expect(executeJob(lost)).rejects.toThrow('does not know which cluster to use')
  })
})
