import { nextInt, type Random, seededRandom } from '@millrace/std'

/** What a seed is made to do: everything that does not depend on how the run goes. */
export interface Plan {
  readonly partitions: number
  readonly serverConfig: Readonly<Record<string, string | number | boolean>>
  /** Only with `sync` does an acknowledged record outlive a loss of power. */
  readonly flush: 'sync' | 'interval' | 'none'
  readonly maxSyncMs: number
  /** How long there are faults, milliseconds. */
  readonly durationMs: number
  readonly cut: number
  readonly stall: number
  readonly refuse: number
  /** Probability each 100 ms. */
  readonly crash: number
  readonly plainProducers: number
  readonly idempotentProducers: number
  readonly transactionalProducers: number
  readonly readers: number
  readonly committers: number
  readonly groups: number
  readonly copiers: number
  readonly sendsPerProducer: number
}

/** The plan of a seed. Small on purpose: a thousand small histories find more than one large one. */
export function planOf(seed: number): Plan {
  const random = seededRandom(seed ^ 0x5eed)
  return {
    partitions: 1 + nextInt(random, 3),
    flush: pick(random, ['sync', 'sync', 'sync', 'sync', 'interval', 'none']),
    serverConfig: {
      'log.segment.bytes': pick(random, [1_500, 4_000, 1_000_000]),
      'log.index.interval.bytes': pick(random, [0, 300, 4_096]),
      'offsets.topic.num.partitions': 2,
      'transaction.state.log.num.partitions': 2,
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': 500,
      'auto.create.topics.enable': false,
      'group.consumer.min.session.timeout.ms': 3_000,
      'group.consumer.session.timeout.ms': 6_000,
      'group.consumer.min.heartbeat.interval.ms': 100,
      'group.consumer.heartbeat.interval.ms': 500,
    },
    maxSyncMs: pick(random, [1, 5, 50]),
    durationMs: pick(random, [300, 1_000, 3_000]),
    cut: pick(random, [0, 0.01, 0.05]),
    stall: pick(random, [0, 0.02, 0.1]),
    refuse: pick(random, [0, 0, 0.2]),
    crash: pick(random, [0, 0.1, 0.3, 0.5]),
    plainProducers: nextInt(random, 2),
    idempotentProducers: 1 + nextInt(random, 2),
    transactionalProducers: nextInt(random, 3),
    readers: 1 + nextInt(random, 2),
    committers: nextInt(random, 2),
    groups: nextInt(random, 2),
    copiers: nextInt(random, 2),
    sendsPerProducer: 10 + nextInt(random, 40),
  }
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[nextInt(random, from.length)] as T
}
