import { ErrorCode } from '@millrace/kafka'
import type { Clock } from '@millrace/std'
import type { ServerConfig } from '../config/server-config.ts'
import { LogJournal } from './log-journal.ts'
import type { MetadataManager } from './metadata-manager.ts'
import type { Topic, TopicCatalog } from './topic-catalog.ts'
import { isCommandError } from './topic-commands.ts'
import { offsetsTopicName } from './topic-name.ts'

/** The logs of `__consumer_offsets`. The topic is made when it is missing: when the first group asks. */
export async function openOffsetJournals(options: {
  metadata: MetadataManager
  topics: TopicCatalog
  server: ServerConfig
  clock: Clock
}): Promise<LogJournal[]> {
  const { metadata, topics, server, clock } = options
  if (!topics.get(offsetsTopicName)) {
    const created = await metadata.createTopic(
      {
        name: offsetsTopicName,
        numPartitions: server['offsets.topic.num.partitions'],
        replicationFactor: 1,
        assignments: [],
        configs: [
          { name: 'cleanup.policy', value: 'compact' },
          { name: 'segment.bytes', value: String(server['offsets.topic.segment.bytes']) },
        ],
      },
      { validateOnly: false },
    )
    if (isCommandError(created) && created.errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS) {
      throw new Error(`${offsetsTopicName} could not be made: ${created.errorMessage}`)
    }
  }
  return (topics.get(offsetsTopicName) as Topic).partitions.map(({ log }) => new LogJournal(log, clock))
}
