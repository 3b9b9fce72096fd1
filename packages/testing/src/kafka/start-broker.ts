import { type Broker, type Logger, startBroker } from '@millrace/broker'
import type { NewTopic } from '@millrace/kafka'
import { hostSystem, MillraceError } from '@millrace/std'
import type { ManualClock } from '../manual-clock.ts'
import type { Faults } from './faults.ts'
import { brokerTime } from './test-time.ts'

export interface EmbeddedKafkaOptions {
  /**
   * How many brokers clients see (default 1). Each has its own port, leads its share of the partitions and coordinates its
   * share of the groups, and can fail. Topics have a replica on each of them, on three at most.
   */
  readonly brokers?: number
  /** Topics to begin with, and to begin with again after a reset: names, or with partitions and configs. */
  readonly topics?: readonly (string | NewTopic)[]
  /** Kafka's server properties by name, over those that suit tests. */
  readonly config?: Readonly<Record<string, string | number | boolean>>
  /**
   * Time of the broker's own doings: retention, sessions of groups, transactions. It moves when the test moves it; the
   * network goes on in real time. Begin it now, `new ManualClock({ now: Date.now() })`: other clients stamp their records.
   */
  readonly clock?: ManualClock
  /** What the broker says. Nothing by default. */
  readonly logger?: Logger
}

const maxReplicas = 3

/** What suits tests: topics appear when they are used, the first group and transaction wait for few partitions. */
const testConfig = {
  'node.id': 0,
  'auto.create.topics.enable': true,
  'offsets.topic.num.partitions': 5,
  'transaction.state.log.num.partitions': 5,
  // Members of KIP-848 groups learn of changes with their heartbeats.
  'group.consumer.min.heartbeat.interval.ms': 100,
  'group.consumer.heartbeat.interval.ms': 100,
}

/** Clients stamp records by their own clock, which may be far from the broker's. */
const anyTimestamp = { 'log.message.timestamp.after.max.ms': Number.MAX_SAFE_INTEGER }

/** The broker behind a test's Kafka. */
export function startTestBroker(
  options: EmbeddedKafkaOptions,
  faults: Faults,
  port: number | readonly number[],
): Promise<Broker> {
  const { brokers = 1, clock, config, logger } = options
  if (!Number.isInteger(brokers) || brokers < 1) {
    throw new MillraceError('TESTING_OPTION_INVALID', {
      message: `A Kafka cannot have ${brokers} brokers.`,
      fix: "Give 'brokers' as an integer from 1 on, or leave it out for one.",
    })
  }
  return startBroker({
    port,
    data: 'memory',
    brokers,
    config: {
      ...testConfig,
      'default.replication.factor': Math.min(brokers, maxReplicas),
      ...(clock && anyTimestamp),
      ...config,
    },
    interceptor: faults,
    ...(clock && { system: brokerTime(clock), networkTime: hostSystem }),
    ...(logger && { logger }),
  })
}
