import { setTimeout as sleep } from 'node:timers/promises'
import type { Group } from '../group.ts'
import { produce, topics } from '../tools.ts'

const settleMs = 3000

/** One topic of a thousand partitions. */
export const partitionsGroup: Group = {
  name: 'partitions',
  durability: 'system',
  async measure(broker, { factor }) {
    const topic = 'peers-partitions'
    await topics(broker, `-${topic}`, `+${topic}:1000`)
    const ms = await topics(broker, `-${topic}`, `+${topic}:1000`)
    const count = Math.ceil(200_000 * factor)
    const run = await produce(broker, { topic, count, warmup: Math.ceil(count / 4), size: 1024 })
    await topics(broker, `-${topic}`)
    return { 'partitions-create': ms, 'partitions-first': run.mibPerSecond }
  },
}

/** A thousand topics of ten partitions each: made, held, found again after a restart. */
export const topicsGroup: Group = {
  name: 'topics',
  durability: 'system',
  ownsProcess: true,
  async measure(broker, { factor }) {
    const count = Math.ceil(1000 * factor)
    await broker.start()
    await topics(broker, '+peers-topics:1')
    await sleep(settleMs)
    const before = broker.rssMiB()
    const ms = await topics(broker, `*${count}:peers-topics-:10`)
    await sleep(settleMs)
    const grown = broker.rssMiB() - before
    await broker.stop('SIGTERM')
    const restart = await broker.start()
    await broker.remove()
    return {
      'topics-create': ms / 1000,
      'topics-memory': (grown * 1024) / (count * 10),
      'topics-restart': restart / 1000,
    }
  },
}
