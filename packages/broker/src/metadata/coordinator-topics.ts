import { ErrorCode } from '@millrace/kafka'
import type { Clock } from '@millrace/std'
import type { ServerConfig } from '../config/server-config.ts'
import { LogJournal } from './log-journal.ts'
import type { MetadataManager } from './metadata-manager.ts'
import type { Topic, TopicCatalog } from './topic-catalog.ts'
import { isCommandError } from './topic-commands.ts'
import { offsetsTopicName, transactionsTopicName } from './topic-name.ts'

/** Kafka's own default for these topics. */
const maxReplicas = 3

/** What the topics of the coordinators are made and opened with. */
export interface CoordinatorTopics {
  readonly metadata: MetadataManager
  readonly topics: TopicCatalog
  readonly server: ServerConfig
  readonly clock: Clock
}

/** The logs of `__consumer_offsets`. The topic is made when it is missing: when the first group asks. */
export function openOffsetJournals(parts: CoordinatorTopics): Promise<LogJournal[]> {
  const { server } = parts
  return openJournals(parts, offsetsTopicName, {
    partitions: server['offsets.topic.num.partitions'],
    segmentBytes: server['offsets.topic.segment.bytes'],
  })
}

/** The logs of `__transaction_state`. The topic is made when it is missing: when the first transactional producer asks. */
export function openTransactionJournals(parts: CoordinatorTopics): Promise<LogJournal[]> {
  const { server } = parts
  return openJournals(parts, transactionsTopicName, {
    partitions: server['transaction.state.log.num.partitions'],
    segmentBytes: server['transaction.state.log.segment.bytes'],
  })
}

async function openJournals(
  { metadata, topics, clock }: CoordinatorTopics,
  name: string,
  { partitions, segmentBytes }: { partitions: number; segmentBytes: number },
): Promise<LogJournal[]> {
  if (!topics.get(name)) {
    const created = await metadata.createTopic(
      {
        name,
        numPartitions: partitions,
        replicationFactor: Math.min(maxReplicas, metadata.brokers.ids.length),
        assignments: [],
        configs: [
          { name: 'cleanup.policy', value: 'compact' },
          { name: 'segment.bytes', value: String(segmentBytes) },
        ],
      },
      { validateOnly: false },
    )
    if (isCommandError(created) && created.errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS) {
      throw new Error(`${name} could not be made: ${created.errorMessage}`)
    }
  }
  return (topics.get(name) as Topic).partitions.map(({ log }) => new LogJournal(log, clock))
}
