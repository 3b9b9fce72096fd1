/**
 * AlterReplicaLogDirs (34): moves replicas to other folders of their broker (KIP-113). There is one, so either a replica is there
 * already or the folder is unknown.
 */
import { AlterReplicaLogDirs, type AlterReplicaLogDirsRequest, ErrorCode } from '@millrace/kafka'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import type { LogDirectory } from './describe-log-dirs.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerAlterReplicaLogDirs(
  registry: HandlerRegistry,
  { topics, logDirectory }: { topics: TopicCatalog; logDirectory: LogDirectory },
): void {
  registry.registerSimple({
    api: AlterReplicaLogDirs,
    versions: [1, 2],
    handle: (request) =>
      answer(request, (path, topic, index) => {
        if (path !== logDirectory.path) return ErrorCode.LOG_DIR_NOT_FOUND
        return topics.partition(topic, index) ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      }),
    errorResponse: (request, errorCode) => answer(request, () => errorCode),
  })
}

/** One entry a topic, whichever folders it is to be spread over. */
function answer({ dirs }: AlterReplicaLogDirsRequest, outcome: (path: string, topic: string, index: number) => number) {
  const byTopic = new Map<string, { partitionIndex: number; errorCode: number }[]>()
  for (const { path, topics } of dirs) {
    for (const { name, partitions } of topics) {
      const results = byTopic.get(name) ?? []
      byTopic.set(name, results)
      for (const partitionIndex of partitions) {
        results.push({ partitionIndex, errorCode: outcome(path, name, partitionIndex) })
      }
    }
  }
  return { results: [...byTopic].map(([topicName, partitions]) => ({ topicName, partitions })) }
}
