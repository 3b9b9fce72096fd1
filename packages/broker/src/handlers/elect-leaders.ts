/**
 * ElectLeaders (43): elects the preferred replica (0), or any that lives (1), as leader (KIP-183, KIP-460). The one replica of a
 * partition leads it already. Asked for all partitions (null), the answer names only those that changed: none.
 */
import { ElectLeaders, type ElectLeadersRequest, ErrorCode } from '@millrace/kafka'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { type CommandError, refusal } from '../metadata/topic-commands.ts'
import type { HandlerRegistry } from './registry.ts'

const preferredElection = 0
const uncleanElection = 1

export function registerElectLeaders(registry: HandlerRegistry, topics: TopicCatalog): void {
  registry.registerSimple({
    api: ElectLeaders,
    versions: [0, 2],
    handle(request) {
      const { electionType } = request
      if (electionType !== preferredElection && electionType !== uncleanElection) {
        const unknown = refusal(ErrorCode.INVALID_REQUEST, `Unknown election type ${electionType}`)
        return { errorCode: unknown.errorCode, replicaElectionResults: results(request, () => unknown) }
      }
      return {
        errorCode: ErrorCode.NONE,
        replicaElectionResults:
          request.topicPartitions === null
            ? [...topics.all()].map(({ name }) => ({ topic: name, partitionResult: [] }))
            : results(request, elect),
      }
    },
    errorResponse: (request, errorCode) => ({
      errorCode,
      replicaElectionResults: results(request, () => ({ errorCode, errorMessage: null })),
    }),
  })

  function elect(topic: string, index: number): CommandError {
    if (!topics.get(topic)) return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${topic}`)
    if (!topics.partition(topic, index)) {
      return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${topic}-${index}`)
    }
    return refusal(ErrorCode.ELECTION_NOT_NEEDED, 'Leader election not needed for topic partition.')
  }
}

function results(
  { topicPartitions }: ElectLeadersRequest,
  outcome: (topic: string, index: number) => { errorCode: number; errorMessage: string | null },
) {
  return (topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({ partitionId, ...outcome(topic, partitionId) })),
  }))
}
