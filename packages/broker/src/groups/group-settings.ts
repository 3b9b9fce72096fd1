import { resolveGroupConfig } from '../config/group-config-keys.ts'
import type { ConfigTexts, ServerConfig } from '../config/server-config.ts'
import type { ConsumerGroupTiming, GroupSettings } from './shard-context.ts'

/** Regular expressions are looked at again after so long even when no topic has come. Kafka's internal default. */
const regexRefreshIntervalMs = 600_000

/** What the group coordinator is configured with: by the broker, and by group. A changed value counts at once. */
export function groupSettings(server: ServerConfig, groupConfigOf: (groupId: string) => ConfigTexts): GroupSettings {
  return {
    get minSessionTimeoutMs() {
      return server['group.min.session.timeout.ms']
    },
    get maxSessionTimeoutMs() {
      return server['group.max.session.timeout.ms']
    },
    get initialRebalanceDelayMs() {
      return server['group.initial.rebalance.delay.ms']
    },
    get maxSize() {
      return server['group.max.size']
    },
    get offsetMetadataMaxBytes() {
      return server['offset.metadata.max.bytes']
    },
    get offsetsRetentionMs() {
      return server['offsets.retention.minutes'] * 60_000
    },
    consumer: {
      get maxSize() {
        return server['group.consumer.max.size']
      },
      get assignors() {
        return server['group.consumer.assignors']
      },
      get migrationPolicy() {
        return server['group.consumer.migration.policy']
      },
      regexRefreshIntervalMs,
      timingOf: (groupId) => timing(server, groupConfigOf(groupId)),
    },
  }
}

function timing(server: ServerConfig, texts: ConfigTexts): ConsumerGroupTiming {
  if (texts.size === 0) {
    return {
      sessionTimeoutMs: server['group.consumer.session.timeout.ms'],
      heartbeatIntervalMs: server['group.consumer.heartbeat.interval.ms'],
      assignmentIntervalMs: server['group.consumer.assignment.interval.ms'],
    }
  }
  const config = resolveGroupConfig(texts, server)
  return {
    sessionTimeoutMs: config['consumer.session.timeout.ms'],
    heartbeatIntervalMs: config['consumer.heartbeat.interval.ms'],
    assignmentIntervalMs: config['consumer.assignment.interval.ms'],
  }
}
