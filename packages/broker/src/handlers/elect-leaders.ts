/**
 * ElectLeaders (43): elects the preferred replica (0), or any that lives (1), as leader (KIP-183, KIP-460). Where
 * the right one leads already there is nothing to do. Asked for all partitions (null), the answer names only the others.
 */
import { ElectLeaders, type ElectLeadersRequest, ErrorCode, errorByCode } from '@millrace/kafka'
import type { Leadership } from '../metadata/leadership.ts'
import type { Topic, TopicCatalog } from '../metadata/topic-catalog.ts'
import { refusal } from '../metadata/topic-commands.ts'
import type { HandlerRegistry } from './registry.ts'

interface Outcome {
  readonly errorCode: number
  readonly errorMessage: string | null
}

const preferredElection = 0
const uncleanElection = 1

export function registerElectLeaders(
  registry: HandlerRegistry,
  { topics, leadership }: { topics: TopicCatalog; leadership: Leadership },
): void {
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
            ? [...topics.all()].map((topic) => ({ topic: topic.name, partitionResult: electAll(topic, electionType) }))
            : results(request, (topic, index) => elect(topic, index, electionType)),
      }
    },
    errorResponse: (request, errorCode) => ({
      errorCode,
      replicaElectionResults: results(request, () => ({ errorCode, errorMessage: null })),
    }),
  })

  function elect(topic: string, index: number, electionType: number): Outcome {
    if (!topics.get(topic)) return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${topic}`)
    const partition = topics.partition(topic, index)
    if (!partition) return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${topic}-${index}`)
    const { leaderId } = partition
    const preferred = partition.replicas[0] as number
    if (electionType === preferredElection ? leaderId === preferred : leaderId !== -1) {
      return refusal(ErrorCode.ELECTION_NOT_NEEDED, 'Leader election not needed for topic partition.')
    }
    if (electionType === preferredElection && leadership.move(partition, preferred)) {
      return { errorCode: ErrorCode.NONE, errorMessage: null }
    }
    const errorCode =
      electionType === preferredElection
        ? ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE
        : ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE
    return refusal(errorCode, errorByCode(errorCode).message)
  }

  function electAll({ name, partitions }: Topic, electionType: number) {
    return partitions
      .map(({ index }) => ({ partitionId: index, ...elect(name, index, electionType) }))
      .filter(({ errorCode }) => errorCode !== ErrorCode.ELECTION_NOT_NEEDED)
  }
}

function results({ topicPartitions }: ElectLeadersRequest, outcome: (topic: string, index: number) => Outcome) {
  return (topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({ partitionId, ...outcome(topic, partitionId) })),
  }))
}
