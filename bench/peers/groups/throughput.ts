import type { PeerBroker } from '../broker.ts'
import type { Group, Scale } from '../group.ts'
import { consume, type Load, produce, type Run, topics } from '../tools.ts'

const large = ['batch.size=262144', 'linger.ms=5']
const oneRecord = ['linger.ms=0', 'batch.size=1', 'max.in.flight.requests.per.connection=5']
const topic = 'peers-throughput'

/** Two runs into new topics, the first one for the broker to warm up. */
async function second(broker: PeerBroker, { factor }: Scale, load: Omit<Load, 'topic' | 'warmup'>): Promise<Run> {
  const count = Math.ceil(load.count * factor)
  let run: Run | undefined
  for (let attempt = 0; attempt < 2; attempt++) {
    await topics(broker, `-${topic}`, `+${topic}:1`)
    run = await produce(broker, { ...load, topic, count, warmup: Math.ceil(count * 0.35) })
  }
  return run as Run
}

export const produceGroup: Group = {
  name: 'produce',
  durability: 'system',
  async measure(broker, scale) {
    const many = await second(broker, scale, { count: 1_500_000, size: 1024, properties: large })
    const few = await second(broker, scale, { count: 250_000, size: 1024 })
    const small = await second(broker, scale, { count: 3_000_000, size: 100, properties: large })
    await topics(broker, `-${topic}`)
    return {
      'produce-256k-cpu': many.cpuPerGigabyte,
      'produce-256k-rate': many.mibPerSecond,
      'produce-16k-cpu': few.cpuPerGigabyte,
      'produce-16k-rate': few.mibPerSecond,
      'produce-100b-cpu': small.cpuPerMillion,
    }
  },
}

export const consumeGroup: Group = {
  name: 'consume',
  durability: 'system',
  async measure(broker, { factor }) {
    const count = Math.ceil(2_000_000 * factor)
    await topics(broker, `-${topic}`, `+${topic}:1`)
    await produce(broker, { topic, count, size: 1024, properties: large })
    await consume(broker, { topic, count, size: 1024 })
    const run = await consume(broker, { topic, count, size: 1024 })
    await topics(broker, `-${topic}`)
    return { 'consume-cpu': run.cpuPerGigabyte, 'consume-rate': run.mibPerSecond }
  },
}

export const requestsGroup: Group = {
  name: 'requests',
  durability: 'system',
  async measure(broker, scale) {
    const run = await second(broker, scale, { count: 40_000, size: 100, properties: oneRecord })
    await topics(broker, `-${topic}`)
    return { 'requests-cpu': run.cpuPerMillion, 'requests-rate': run.recordsPerSecond }
  },
}

export const transactionsGroup: Group = {
  name: 'transactions',
  durability: 'system',
  async measure(broker, scale) {
    const run = await second(broker, scale, { count: 800_000, size: 1024, properties: large, transactionMs: 100 })
    await topics(broker, `-${topic}`)
    return { 'transactions-rate': run.recordsPerSecond }
  },
}

export const fsyncGroup: Group = {
  name: 'fsync',
  durability: 'device',
  async measure(broker, scale) {
    const many = await second(broker, scale, { count: 500_000, size: 1024, properties: large })
    const few = await second(broker, scale, { count: 150_000, size: 1024 })
    await topics(broker, `-${topic}`)
    return { 'fsync-256k-rate': many.mibPerSecond, 'fsync-16k-rate': few.mibPerSecond }
  },
}
